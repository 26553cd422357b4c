"""How often a password may be guessed."""

import pytest

from doorward.errors import TooManyRequests
from doorward.http.addresses import bucket
from doorward.sign_in.guesses import Guesses


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guesses(clock: Clock, **more: int) -> Guesses:
    return Guesses(attempts=3, window=60.0, clock=clock, **more)


def refused(counter: Guesses, username: str, address: str) -> float | None:
    try:
        counter.start(username, address)
    except TooManyRequests as error:
        return error.retry_after
    return None


def test_one_guess_too_many_waits_for_the_end_of_the_window() -> None:
    clock = Clock()
    counter = guesses(clock)
    assert [refused(counter, "a", "192.0.2.1") for _ in range(3)] == [None] * 3
    clock.now += 20
    assert refused(counter, "A", "192.0.2.1") == 40.0
    clock.now += 40
    assert refused(counter, "a", "192.0.2.1") is None


def test_a_stranger_does_not_stop_the_user_at_another_address() -> None:
    counter = guesses(Clock())
    while refused(counter, "a", "192.0.2.1") is None:
        pass
    assert refused(counter, "a", "192.0.2.2") is None


def test_many_addresses_together_are_stopped_but_not_where_the_user_is_known() -> None:
    counter = guesses(Clock())
    counter.succeeded(counter.start("a", "198.51.100.7"))
    tries = 0
    while refused(counter, "a", f"192.0.2.{tries}") is None:
        tries += 1
    assert tries == 30
    assert refused(counter, "a", "198.51.100.7") is None
    assert refused(counter, "b", "192.0.2.200") is None


def test_many_names_from_one_address_are_stopped() -> None:
    counter = guesses(Clock())
    tries = 0
    while refused(counter, f"user{tries}", "192.0.2.1") is None:
        tries += 1
    assert tries == 12


def test_signing_in_oneself_does_not_win_more_guesses_at_others() -> None:
    counter = guesses(Clock())
    tries = 0
    while refused(counter, f"user{tries}", "192.0.2.1") is None:
        tries += 1
        if tries < 12:
            counter.succeeded(counter.start("own", "192.0.2.1"))
    assert tries == 12


def test_signing_in_forgives_the_failures_before_it_at_this_address() -> None:
    counter = guesses(Clock())
    for _ in range(2):
        counter.start("a", "192.0.2.1")
    counter.succeeded(counter.start("a", "192.0.2.1"))
    assert [refused(counter, "a", "192.0.2.1") for _ in range(3)] == [None] * 3
    assert refused(counter, "a", "192.0.2.1") is not None


def test_a_guess_counts_while_it_is_still_being_checked() -> None:
    counter = guesses(Clock())
    running = [counter.start("a", "192.0.2.1") for _ in range(3)]
    assert refused(counter, "a", "192.0.2.1") is not None
    counter.forget(running[0])
    assert refused(counter, "a", "192.0.2.1") is None


def test_memory_is_bounded() -> None:
    counter = guesses(Clock(), kept=10)
    for number in range(100):
        counter.succeeded(counter.start(f"user{number}", f"192.0.2.{number}"))
        counter.start(f"user{number}", f"192.0.2.{number}")
    assert len(counter._counts) <= 10
    assert len(counter._known) <= 10


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff", "2001:db8::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("unix", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one(address: str, place: str) -> None:
    assert bucket(address) == place
