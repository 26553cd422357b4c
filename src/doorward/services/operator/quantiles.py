"""Latencies from counted buckets. Pure."""

from collections.abc import Sequence

from doorward.model.metrics import BUCKETS


def quantile(share: float, counts: Sequence[int]) -> float | None:
    """The time in seconds within which `share` (0 to 1) of the requests ended; None without requests.

    Linear within a bucket, as Prometheus' ``histogram_quantile``; beyond the last bound it is that bound.
    """
    total = sum(counts)
    if not total:
        return None
    rank, seen = share * total, 0
    for place, count in enumerate(counts):
        if count and seen + count >= rank:
            if place == len(BUCKETS):
                break
            lower = BUCKETS[place - 1] if place else 0.0
            return lower + (BUCKETS[place] - lower) * max(0.0, rank - seen) / count
        seen += count
    return BUCKETS[-1]
