"""What the method is compared with: training-free ways to show a model a reference, each as its paper describes it.

All of them run in the loop of `loop`, with the same model, seed, steps, guidance and aligned structure image as the
method itself, and with its structure injection, so that nothing but the way to the reference differs.
"""

from __future__ import annotations

from seal_sdk.evaluation.baselines.baseline import Baseline
from seal_sdk.evaluation.baselines.concat import Concat
from seal_sdk.evaluation.baselines.cross_image import CrossImage
from seal_sdk.evaluation.baselines.ctrlx import CtrlX
from seal_sdk.evaluation.baselines.drf import Drf
from seal_sdk.evaluation.baselines.loop import Question, draw
from seal_sdk.evaluation.baselines.style_aligned import StyleAligned

BASELINES: dict[str, Baseline] = {
    "ctrlx": CtrlX(),
    "cross-image": CrossImage(),
    "concat": Concat(),
    "style-aligned": StyleAligned(),
    "drf": Drf(),
}

__all__ = ["BASELINES", "Baseline", "Question", "draw"]
