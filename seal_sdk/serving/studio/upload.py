"""A picture that somebody drops, chooses, pastes or photographs."""

from __future__ import annotations

from typing import Any

import gradio as gr


def picture_upload(**options: Any) -> gr.Image:
    """A field for a picture. Its handlers get the path of the file as it was uploaded, or None.

    So the SDK reads it, with its transparency, and says what is wrong with it.
    """
    image = gr.Image(
        type="filepath", image_mode=None, format="png", sources=["upload", "webcam", "clipboard"], **options
    )
    # Gradio's own opens the file with Pillow. A subclass would have gradio write a stub file beside this one.
    image.preprocess = _path  # type: ignore[method-assign]  # of this one field
    return image


def _path(payload: Any) -> str | None:
    return None if payload is None else payload.path
