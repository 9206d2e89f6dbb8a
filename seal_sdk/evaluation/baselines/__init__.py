"""Baselines: training-free ways to condition a model on a reference, each implemented as its paper describes it.

All of them run in the loop of `loop`, with the model, seed, steps, guidance, aligned structure image and structure
injection of the method itself, so that only the use of the reference differs. `ip_adapter`, which needs trained weights,
is the exception.

A new baseline is a new module here that defines `BASELINE`, and a line in `NAMES`.
"""

from __future__ import annotations

from importlib import import_module

from seal_sdk.evaluation.baselines.baseline import Baseline
from seal_sdk.evaluation.baselines.loop import Question, draw

NAMES = (  # each is the name of its module, with dashes for underscores
    "ctrlx",
    "cross-image",
    "concat",
    "style-aligned",
    "drf",
)


def _load(name: str) -> Baseline:
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    baseline = module.BASELINE
    if not isinstance(baseline, Baseline):
        raise TypeError(f"{module.__name__}.BASELINE is no Baseline")
    return baseline


BASELINES: dict[str, Baseline] = {name: _load(name) for name in NAMES}

__all__ = ["BASELINES", "Baseline", "Question", "draw"]
