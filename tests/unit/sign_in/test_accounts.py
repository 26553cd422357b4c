"""Accounts and passwords."""

import asyncio
import threading

import pytest
from argon2 import PasswordHasher, extract_parameters
from tests.unit.sign_in.world import PASSWORD, CountingHasher, World, make_world

from doorward.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from doorward.sign_in.passwords import Passwords

pytestmark = pytest.mark.anyio


async def test_the_first_users_get_random_passwords_and_only_once() -> None:
    world = World()
    made = await world.accounts.ensure_first_users(with_operator=False)
    assert [name for name, _ in made] == ["user-one", "user-two"]
    assert made[0][1] != made[1][1]
    for name, password in made:
        assert await world.accounts.check(name, password.reveal()) is not None
    assert await world.accounts.ensure_first_users(with_operator=False) == []


async def test_an_operator_is_among_the_first_users_only_when_one_is_wanted() -> None:
    world = World()
    made = await world.accounts.ensure_first_users(with_operator=True)
    assert [name for name, _ in made] == ["user-one", "user-two", "operator"]
    roles = {account.username: account.roles for account in await world.accounts.list()}
    assert roles == {"user-one": frozenset(), "user-two": frozenset(), "operator": frozenset({"operator"})}


@pytest.mark.parametrize("username", ["", "a b", "a" * 65, "a/b", "ä", "a\n"])
async def test_odd_user_names_are_refused(username: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await World().accounts.add(username, PASSWORD)
    assert caught.value.code == "username_invalid"


@pytest.mark.parametrize(
    ("password", "code"),
    [("short", "password_too_short"), ("x" * 257, "password_too_long"), ("User-Number-9", "password_is_username")],
)
async def test_weak_passwords_are_refused(password: str, code: str) -> None:
    world = await make_world()
    with pytest.raises(InvalidInput) as caught:
        await world.accounts.add("user-number-9", password)
    assert caught.value.code == code


async def test_a_password_of_256_characters_works_and_a_longer_one_does_not_match_its_start() -> None:
    world = World()
    await world.accounts.add("user-one", "x" * 256)
    assert await world.accounts.check("user-one", "x" * 256) is not None
    assert await world.accounts.check("user-one", "x" * 257) is None


async def test_a_name_is_there_once_whatever_its_case() -> None:
    world = await make_world()
    with pytest.raises(Conflict):
        await world.accounts.add("USER-ONE", PASSWORD)


async def test_a_disabled_account_cannot_sign_in_until_enabled() -> None:
    world = await make_world()
    await world.accounts.disable("user-one")
    assert await world.accounts.check("user-one", PASSWORD) is None
    await world.accounts.disable("user-one", disabled=False)
    assert await world.accounts.check("user-one", PASSWORD) is not None


async def test_unknown_users_cannot_be_changed() -> None:
    world = World()
    with pytest.raises(NotFound):
        await world.accounts.disable("nobody")
    with pytest.raises(NotFound):
        await world.accounts.set_password("nobody", PASSWORD)


async def test_a_hash_with_old_parameters_is_made_anew_at_sign_in() -> None:
    world = await make_world()
    world.store._change("user-one", password_hash=PasswordHasher(1, 16, 1).hash(PASSWORD))
    account = await world.accounts.check("user-one", PASSWORD)
    assert account is not None
    assert not world.passwords.needs_rehash(account.password_hash)
    assert account == await world.store.by_username("user-one")


async def test_passwords_are_kept_with_the_parameters_that_owasp_recommends() -> None:
    parameters = extract_parameters(await Passwords().hash(PASSWORD))
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19_456, 2)
    assert parameters.parallelism == 1


async def test_hashing_takes_two_threads_and_a_bounded_queue() -> None:
    class Slow(CountingHasher):
        def __init__(self) -> None:
            super().__init__()
            self.running = 0
            self.most = 0
            self.go = threading.Event()
            self.lock = threading.Lock()

        def verify(self, *given):
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
            self.go.wait(5)
            with self.lock:
                self.running -= 1
            return super().verify(*given)

    slow = Slow()
    passwords = Passwords(slow, workers=2, queue=2)
    waiting = [asyncio.ensure_future(passwords.verify(None, "x")) for _ in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyRequests) as caught:
        await passwords.verify(None, "x")
    assert caught.value.code == "sign_in_busy"
    slow.go.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*waiting) == [False] * 4
    assert slow.most <= 2
    assert await passwords.verify(None, "x") is False
    passwords.close()
