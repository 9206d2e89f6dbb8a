"""How far a node is: ComfyUI's progress bar and previews, and its button that interrupts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PIL import Image

from seal_sdk.callbacks import Session
from seal_sdk.errors import UnsupportedModel
from seal_sdk.serving.comfyui.host import Progress, raise_if_interrupted
from seal_sdk.serving.comfyui.models import OpenModel
from seal_sdk.serving.step_count import StepCount


class NodeProgress(StepCount):
    """Of one call of the model's session. Leaves the call with ComfyUI's own exception once somebody interrupts."""

    def __init__(self, model: OpenModel) -> None:
        self._model = model
        self._progress: Progress | None = None
        self._preview: Image.Image | None = None

    def on_prediction(self, session: Session, index: int, clean: Callable[[], Any]) -> None:
        """Make the preview of this step, of a batch's first image."""
        if self._progress is not None and self._progress.has_previews:
            with suppress(UnsupportedModel):  # a scheduler of another kind has none
                self._preview = self._model.preview.draw(clean()[:1])[0]

    def begin(self, steps: int) -> None:
        """So many steps are to be done."""
        self._progress = Progress(steps)
        self.advance(0)

    def advance(self, done: int) -> None:
        """So many are."""
        raise_if_interrupted()
        if self._progress is not None:
            self._progress.tell(done, self._preview)
