"""A picture that somebody drops, chooses, pastes or photographs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from gradio.events import Dependency

class PictureUpload(gr.Image):
    """Gives its handlers the file as it was uploaded, so that the SDK reads it, with its transparency, and says what is wrong with it."""

    is_template = True  # the browser shows it as gradio's own Image

    def __init__(self, **options: Any) -> None:
        super().__init__(
            type="filepath", image_mode=None, format="png", sources=["upload", "webcam", "clipboard"], **options
        )

    def preprocess(self, payload: Any) -> Any:
        """The path of the uploaded file; None without one."""
        if payload is None or payload.path is None:
            return super().preprocess(payload)
        return payload.path

    def get_config(self, cls: Any = None) -> dict[str, Any]:
        """What the browser is told: the options of gradio's Image."""
        return super().get_config(cls or gr.Image)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component