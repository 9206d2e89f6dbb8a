"""The paper's metrics, one file each, and how the command line names them and their weights.

A new metric is a new file with a `Scorer` and an entry in `SCORERS`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.paper.scorers.clip import ClipScore
from seal_sdk.evaluation.paper.scorers.dino import DinoScore
from seal_sdk.evaluation.paper.scorers.dreamsim import DreamSimScore
from seal_sdk.evaluation.paper.scorers.hps import HpsScore
from seal_sdk.evaluation.paper.scorers.image_reward import ImageRewardScore
from seal_sdk.evaluation.paper.scorers.scorer import Scorer

SCORERS: dict[str, type[Scorer]] = {
    kind.metric.name: kind for kind in (ClipScore, DinoScore, DreamSimScore, HpsScore, ImageRewardScore)
}


def parse_metrics(text: str) -> list[type[Scorer]]:
    """Metrics by names separated by commas or spaces. Raises ConfigError for unknown or repeated names, or none."""
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in SCORERS]
    if unknown or not names:
        raise ConfigError(f"There is no metric {' '.join(unknown[:1])!r}; choose from {', '.join(SCORERS)}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"The metric {twice!r} is given twice.")
    return [SCORERS[name] for name in names]


def parse_weights(given: Sequence[str], names: Collection[str]) -> dict[str, str]:
    """The paths of texts "NAME=PATH", by name. Raises ConfigError for unknown or repeated names, or an empty path."""
    weights: dict[str, str] = {}
    for each in given:
        name, _, path = each.partition("=")
        if name not in names or not path:
            raise ConfigError(f"--weights {each!r}: expected NAME=PATH with a name of {', '.join(names)}.")
        if name in weights:
            raise ConfigError(f"--weights {name}= is given twice.")
        weights[name] = path
    return weights
