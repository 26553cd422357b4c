"""Ids."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from doorward.services.identifiers import session_id_or_new, sortable_id


def test_ids_of_turns_are_uuids_that_sort_by_time() -> None:
    ids = [sortable_id(1.7e9 + second) for second in range(100)]
    assert ids == sorted(ids)
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in ids} == {(7, uuid.RFC_4122)}


def test_no_id_comes_twice() -> None:
    """AP-SES-02"""
    assert len({sortable_id(1.7e9) for _ in range(5000)}) == 5000
    sessions = {session_id_or_new(None) for _ in range(5000)}
    assert len(sessions) == 5000
    assert {(len(one), uuid.UUID(one).version) for one in sessions} == {(36, 4)}


@given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9-]{32,99}\Z"))
def test_a_proposed_session_id_is_kept(proposed: str) -> None:
    assert session_id_or_new(proposed) == proposed
