"""Baselines: other ways to condition a model on a reference, each implemented as its paper describes it.

All draw with the model, seed, steps, guidance and aligned structure image of the method itself, and, except for those with a ControlNet,
with its structure injection, so that only the use of the reference differs. Most read the reference in the loop of `loop`; those that
learn each subject are in `personal`.

A new baseline is a new module here that defines ``BASELINE``, and a line in `NAMES`. ``BASELINE`` is a `Baseline` for that loop, or opens a
`Drawer` of its own on a session.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any

from seal_sdk.evaluation.baselines.baseline import Baseline
from seal_sdk.evaluation.baselines.drawer import Drawer, Opener
from seal_sdk.evaluation.baselines.loop import LoopDrawer, draw
from seal_sdk.evaluation.baselines.question import Question

NAMES = (  # each is the name of its module, with underscores for dashes and plus signs
    "ctrlx",
    "cross-image",
    "concat",
    "style-aligned",
    "drf",
    "freecontrol",
    "controlnet",
    "ip-adapter",
    "controlnet+ip-adapter",
    "dreambooth-lora",
    "textual-inversion",
)


def _load(name: str) -> Opener:
    module: Any = import_module(f"{__name__}.{name.replace('-', '_').replace('+', '_')}")
    baseline: Baseline | Opener = module.BASELINE
    return partial(LoopDrawer, baseline=baseline) if isinstance(baseline, Baseline) else baseline


BASELINES: dict[str, Opener] = {name: _load(name) for name in NAMES}

__all__ = ["BASELINES", "Baseline", "Drawer", "Opener", "Question", "draw"]
