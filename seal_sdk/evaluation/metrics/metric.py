"""The description of a metric."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """The name of a metric and which direction is better.

    Attributes:
        name: Key in scores and summaries.
        title: Heading in tables.
        lower_is_better: Whether smaller values are better.
        ratio: Whether a method is related to the baseline by the ratio of their means. False for metrics that can be
            zero or negative: these are related by the difference.
    """

    name: str
    title: str
    lower_is_better: bool = True
    ratio: bool = True
