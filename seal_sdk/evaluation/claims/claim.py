"""A claim: a metric rises, or falls, along variants. Its verdict comes from paired 95 % intervals. Ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NotRequired, TypedDict

import numpy as np

from seal_sdk.evaluation.statistics import Interval, interval, resampled

HOLDS, IN_PART, FAILS, UNDECIDED = "holds", "holds in part", "does not hold", "undecided"
LEAST_SEEDS = 3
"""Fewer decide nothing."""


@dataclass(frozen=True)
class Claim:
    """A metric rises (or falls) along the variants with these labels, in this order.

    Attributes:
        text: What is claimed.
        metric: Name of the metric.
        along: Labels of variants.
        rises: Whether the metric rises.
        margin: How far it may go the other way, in its own unit: 0 where it has to rise (or fall), more where it only has to be no worse.
        less: The control of each variant, whose value is subtracted first; empty for none.
        with_misalignment: Whether the claim is that the change is larger among the third of the seeds with the most `misalignment`
            than among the third with the least.
    """

    text: str
    metric: str
    along: tuple[str, ...]
    rises: bool
    margin: float = 0.0
    less: tuple[str, ...] = ()
    with_misalignment: bool = False


class ClaimSummary(TypedDict):
    """The verdict on a `Claim`: plain JSON.

    Attributes:
        claim: Its text. The next five keys are the claim's own.
        change: Of the metric from the first to the last variant, paired over seeds; of a claim about misalignment, by how much it is
            larger among the misaligned third than among the aligned one.
        thirds: The change in each of the two, "aligned" and "misaligned", of such a claim.
        verdict: As of `judge`.
    """

    claim: str
    metric: str
    along: list[str]
    rises: bool
    margin: float
    less: list[str]
    change: Interval
    thirds: NotRequired[dict[str, Interval]]
    verdict: str


def summarize_claim(
    claim: Claim, values: Mapping[str, np.ndarray], misalignment: np.ndarray | None = None
) -> ClaimSummary:
    """The change and the verdict.

    Args:
        claim: What is judged.
        values: Label -> (seeds,) values of the claim's metric, paired over seeds.
        misalignment: (seeds,) of the same seeds, for claims about it (`misalignment.misalignments`).
    """
    along = [values[label] for label in claim.along]
    if claim.less:
        along = [each - values[label] for each, label in zip(along, claim.less, strict=True)]
    if claim.with_misalignment:
        assert misalignment is not None
        return _contrast(claim, along[-1] - along[0], misalignment)
    change = along[-1] - along[0]
    return described(claim, interval(float(change.mean()), _bootstrap(change)), judge(along, claim.rises, claim.margin))


def described(claim: Claim, change: Interval, verdict: str) -> ClaimSummary:
    """The summary of a claim whose change and verdict are known."""
    return {
        "claim": claim.text,
        "metric": claim.metric,
        "along": list(claim.along),
        "rises": claim.rises,
        "margin": claim.margin,
        "less": list(claim.less),
        "change": change,
        "verdict": verdict,
    }


def judge(along: Sequence[np.ndarray], rises: bool, margin: float = 0.0) -> str:
    """The verdict on whether a metric rises (or falls) from the first variant to the last.

    Args:
        along: (seeds,) values of each variant, paired over seeds.
        rises: Whether the claim is that they rise.
        margin: How far they may go the other way.

    Returns:
        "holds": the 95 % interval of the total change lies on the claimed side of the margin, and no step's interval lies
        on the other. "holds in part": the total change lies on the claimed side, but a step goes the other way. "does not
        hold": the total change lies on the other side. "undecided": the interval of the total change contains the margin, or
        there are fewer than three seeds.
    """
    if len(along[0]) < LEAST_SEEDS:
        return UNDECIDED
    sign = 1.0 if rises else -1.0
    steps = [_bounds(sign * (after - before) + margin) for before, after in pairwise(along)]
    return verdict(_bounds(sign * (along[-1] - along[0]) + margin), steps)


def verdict(total: tuple[float, float], steps: Iterable[tuple[float, float]] = ()) -> str:
    """`judge`'s verdict from the intervals, low and high, of the total change and of the steps; the claimed side is above zero."""
    low, high = total
    if low <= 0 <= high:
        return UNDECIDED
    if high < 0:
        return FAILS
    return IN_PART if any(step[1] < 0 for step in steps) else HOLDS


def combined(verdicts: Sequence[str]) -> str:
    """The verdict on several claims together.

    "holds": all do. "holds in part": some do, at least in part. "does not hold": none does, and one is refuted. Else "undecided".
    """
    if verdicts and all(each == HOLDS for each in verdicts):
        return HOLDS
    if any(each in (HOLDS, IN_PART) for each in verdicts):
        return IN_PART
    return FAILS if FAILS in verdicts else UNDECIDED


def _contrast(claim: Claim, change: np.ndarray, misalignment: np.ndarray) -> ClaimSummary:
    """A claim about misalignment: the two thirds are other seeds, so each is resampled on its own."""
    order, count = np.argsort(misalignment, kind="stable"), max(len(change) // 3, 1)
    thirds = {"aligned": change[order[:count]], "misaligned": change[order[-count:]]}
    means = {name: float(each.mean()) for name, each in thirds.items()}
    bootstraps = {name: _bootstrap(each, stream) for stream, (name, each) in enumerate(thirds.items())}
    found = interval(means["misaligned"] - means["aligned"], bootstraps["misaligned"] - bootstraps["aligned"])
    low, high = found["ci95"]
    bounds = (low + claim.margin, high + claim.margin) if claim.rises else (claim.margin - high, claim.margin - low)
    return {
        **described(claim, found, verdict(bounds) if count >= LEAST_SEEDS else UNDECIDED),
        "thirds": {name: interval(means[name], bootstraps[name]) for name in thirds},
    }


def _bootstrap(change: np.ndarray, stream: int = 0) -> np.ndarray:
    return resampled(change[:, None], stream=stream)


def _bounds(change: np.ndarray) -> tuple[float, float]:
    low, high = interval(float(change.mean()), _bootstrap(change))["ci95"]
    return low, high
