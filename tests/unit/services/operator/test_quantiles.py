"""Latencies from buckets, held against Prometheus' definition of ``histogram_quantile``."""

import pytest

from doorward.model.metrics import BUCKETS
from doorward.services.operator.quantiles import quantile


def counts(**at: int) -> list[int]:
    """Counts by the place of the bucket: ``b0``, ``b1`` ..."""
    return [at.get(f"b{place}", 0) for place in range(len(BUCKETS) + 1)]


def test_without_requests_there_is_no_latency() -> None:
    assert quantile(0.5, counts()) is None


@pytest.mark.parametrize(
    ("share", "given", "expected"),
    [
        (0.5, counts(b0=4), 0.0005),
        (1.0, counts(b0=4), 0.001),
        (0.5, counts(b0=2, b3=2), 0.001),
        (0.75, counts(b0=2, b3=2), 0.0075),
        (0.99, counts(b4=99, b6=1), 0.025),
        (0.99, counts(b15=1), 60.0),
        (0.0, counts(b3=1), 0.005),
    ],
)
def test_it_is_linear_within_a_bucket(share: float, given: list[int], expected: float) -> None:
    assert quantile(share, given) == pytest.approx(expected)
