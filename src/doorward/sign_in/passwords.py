"""Argon2id off the event loop. `Accounts` calls it; it refuses more work than it can queue."""

import asyncio
import base64
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from doorward.errors import TooManyRequests

T = TypeVar("T")
_PREFERRED = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP Password Storage Cheat Sheet


class Passwords:
    """Hashes and verifies passwords in at most `workers` threads (19 MiB each); `queue` more calls may wait, others get
    `TooManyRequests` (``sign_in_busy``)."""

    def __init__(self, hasher: PasswordHasher = _PREFERRED, *, workers: int = 2, queue: int = 32) -> None:
        self._hasher = hasher
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="argon2")
        self._room = workers + queue
        self._waiting = 0
        self._nobody = _hash_of_nobody(hasher)

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash with a fresh salt."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password fits. With None for `encoded` (no such user) the same work is done and never fits."""
        against = self._nobody if encoded is None else encoded
        fits = await self._run(lambda: self._fits(against, password))
        return fits and encoded is not None

    def needs_rehash(self, encoded: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _fits(self, encoded: str, password: str) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._room:
            raise TooManyRequests("Too many people sign in at this moment.", retry_after=2.0, code="sign_in_busy")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _hash_of_nobody(hasher: PasswordHasher) -> str:
    """A well-formed hash that no password is known for: random salt and digest, so no start-up time is spent."""

    def field(size: int) -> str:
        return base64.b64encode(os.urandom(size)).rstrip(b"=").decode()

    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${field(hasher.salt_len)}${field(hasher.hash_len)}"
