"""The breaker of the model: when it opens, for whom, and how it closes (F-21)."""

import pytest
from tests.contract.building import MovableClock

from doorward.runtime.breaker import BreakerOptions, ModelBreaker
from doorward.telemetry.metrics import MODEL_BREAKER_OPEN, REGISTRY

DOWN = "model_unavailable"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def breaker(clock: MovableClock) -> ModelBreaker:
    return ModelBreaker(BreakerOptions(failures=3, pause=10.0, probe_time=60.0), clock)


def failed(breaker: ModelBreaker, *owners: str, code: str = DOWN) -> None:
    for owner in owners:
        breaker.report(owner, code)


def goes(breaker: ModelBreaker, owner: str) -> bool:
    return breaker.ask(owner).go


def test_failures_in_a_row_of_several_owners_close_the_way_for_everybody(breaker: ModelBreaker) -> None:
    failed(breaker, "ann", "bob")
    assert goes(breaker, "carl")
    failed(breaker, "ann")
    assert not goes(breaker, "carl")
    assert REGISTRY.get_sample_value("doorward_model_breaker_open") == 1


def test_one_owner_alone_closes_the_way_only_for_themselves(breaker: ModelBreaker) -> None:
    """AP-SES-06: a session that lies about its model takes nothing from another."""
    failed(breaker, *["mallory"] * 100)
    assert not goes(breaker, "mallory")
    assert goes(breaker, "ann")
    failed(breaker, *["mallory"] * 100)
    assert goes(breaker, "ann")
    assert REGISTRY.get_sample_value("doorward_model_breaker_open") == 0


@pytest.mark.parametrize("answer", ["", "model_failed"])
def test_an_answer_between_them_begins_the_count_anew(breaker: ModelBreaker, answer: str) -> None:
    failed(breaker, "ann", "bob")
    assert breaker.ask("carl").watched
    failed(breaker, "carl", code=answer)
    failed(breaker, "ann", "bob")
    assert goes(breaker, "ann")
    assert not ModelBreaker(BreakerOptions(failures=3, pause=1.0, probe_time=1.0)).ask("ann").watched


def test_after_the_pause_one_call_probes_and_its_success_opens_the_way(
    breaker: ModelBreaker, clock: MovableClock
) -> None:
    failed(breaker, "ann", "bob", "carl")
    clock.now += 9.9
    assert not goes(breaker, "ann")
    clock.now += 0.2
    assert [goes(breaker, owner) for owner in ("ann", "bob", "carl")] == [True, False, False]
    breaker.report("ann", "")
    assert [goes(breaker, owner) for owner in ("ann", "bob", "carl")] == [True, True, True]


def test_a_probe_that_fails_closes_the_way_for_another_pause(breaker: ModelBreaker, clock: MovableClock) -> None:
    failed(breaker, "ann", "bob", "carl")
    clock.now += 10.1
    assert goes(breaker, "dora")
    failed(breaker, "dora")
    assert not goes(breaker, "ann")
    clock.now += 9.9
    assert not goes(breaker, "ann")
    clock.now += 0.2
    assert goes(breaker, "ann")


def test_a_probe_that_never_reports_is_followed_by_another(breaker: ModelBreaker, clock: MovableClock) -> None:
    failed(breaker, "ann", "bob", "carl")
    clock.now += 10.1
    assert goes(breaker, "ann")
    clock.now += 59.0
    assert not goes(breaker, "bob")
    clock.now += 1.1
    assert goes(breaker, "bob")


def test_a_code_that_is_none_of_ours_counts_as_nothing(breaker: ModelBreaker) -> None:
    failed(breaker, "ann", "bob", "carl", "dora", code="x" * 999)
    assert goes(breaker, "ann")
    assert "x" * 999 not in str(list(REGISTRY.collect()))


def test_very_many_owners_are_not_all_remembered(breaker: ModelBreaker) -> None:
    failed(breaker, *(f"owner-{number}" for number in range(10_100)))
    assert len(breaker._own) <= 10_001
    assert not goes(breaker, "ann")
    MODEL_BREAKER_OPEN.set(0)
