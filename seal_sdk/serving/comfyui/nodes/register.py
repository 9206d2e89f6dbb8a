"""The node that registers a reference."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seal_sdk.errors import InputError, SealError
from seal_sdk.presets import DEFAULT, PRESETS
from seal_sdk.serving.comfyui.description import IDENTITY, SESSION, Node, Output, choice, link, text
from seal_sdk.serving.comfyui.models import OpenModel
from seal_sdk.serving.comfyui.progress import NodeProgress
from seal_sdk.serving.comfyui.subjects import Subject
from seal_sdk.serving.comfyui.tensors import mask_of_one, picture, to_image, to_mask
from store import StoreError, valid_name

Box = tuple[float, float, float, float]


def register_node() -> Node:
    """Registers a reference image."""
    return Node(
        "SealRegister",
        "SeAl: Register",
        "Registers a reference image under a name; what is in the library already is found there. Its subject is what the mask or box "
        "says, else what the segmenter finds.",
        (
            link("session", SESSION, "Of SeAl: Model."),
            link("image", "IMAGE", "The reference, one picture."),
            text("name", "What to call it; a new image takes a used name over."),
            text("prompt", "What the image shows, such as 'a photo of a tiger'.", lines=True),
            choice("preset", "The method's settings; draw with the same.", lambda: list(PRESETS), DEFAULT),
            link("mask", "MASK", "White where the subject is, of the image's size.", optional=True),
            text("box", "x0, y0, x1, y1 around the subject, in pixels of the image.", optional=True),
        ),
        (
            Output("identity", IDENTITY),
            Output("reference", "IMAGE", "The reference as the model saw it."),
            Output("subject", "MASK", "Where its subject was found."),
        ),
        _run,
        _check,
    )


def _run(
    session: OpenModel, image: Any, name: str, prompt: str, preset: str, mask: Any = None, box: str = ""
) -> tuple[tuple[Subject], Tensor, Tensor]:
    given: dict[str, Any] = {"mask": mask_of_one(mask), "box": _read_box(box)}
    reference = picture(image)
    identity = session.session.register(
        reference, prompt=prompt, name=name, preset=preset, callbacks=[NodeProgress(session)], **given
    )
    return (Subject((identity,)),), to_image([identity.image]), to_mask(identity.mask)


def _read_box(box: str) -> Box | None:
    """Raises InputError."""
    if not box.strip():
        return None
    try:
        x0, y0, x1, y1 = (float(each) for each in box.replace(",", " ").split())
    except ValueError as error:
        raise InputError(f"box={box!r}: expected four numbers x0, y0, x1, y1 in pixels, or nothing.") from error
    return x0, y0, x1, y1


def _check(name: str | None, prompt: str | None, box: str | None = None) -> bool | str:
    from seal_sdk.generation.request import check_reference_prompt

    try:
        if name is not None:
            valid_name(name)
        if prompt is not None:
            check_reference_prompt(prompt)
        _read_box(box or "")
    except (SealError, StoreError) as error:
        return str(error)
    return True
