"""The metrics by name, and what the command line says of them and of weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.paper.clip import ClipScore
from seal_sdk.evaluation.paper.dino import DinoScore
from seal_sdk.evaluation.paper.dreamsim import DreamSimScore
from seal_sdk.evaluation.paper.hps import HpsScore
from seal_sdk.evaluation.paper.image_reward import ImageRewardScore
from seal_sdk.evaluation.paper.scorer import Scorer

SCORERS: dict[str, type[Scorer]] = {
    kind.metric.name: kind for kind in (ClipScore, DinoScore, DreamSimScore, HpsScore, ImageRewardScore)
}


def parse_metrics(text: str) -> list[type[Scorer]]:
    """Metrics of names split at commas or spaces. Raises ConfigError for unknown ones, twice the same, and none."""
    names = text.replace(",", " ").split()
    unknown = [name for name in names if name not in SCORERS]
    if unknown or not names:
        raise ConfigError(f"There is no metric {' '.join(unknown[:1])!r}; choose from {', '.join(SCORERS)}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"The metric {twice!r} is given twice.")
    return [SCORERS[name] for name in names]


def parse_weights(given: Sequence[str], names: Collection[str]) -> dict[str, str]:
    """ "NAME=PATH" each, as {name: path}. Raises ConfigError for other names, twice the same, and no path."""
    weights: dict[str, str] = {}
    for each in given:
        name, _, path = each.partition("=")
        if name not in names or not path:
            raise ConfigError(f"--weights {each!r}: expected NAME=PATH with a name of {', '.join(names)}.")
        if name in weights:
            raise ConfigError(f"--weights {name}= is given twice.")
        weights[name] = path
    return weights
