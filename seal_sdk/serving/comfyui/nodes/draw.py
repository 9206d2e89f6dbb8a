"""The node that draws, and what it shares with the one that draws into pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from seal_sdk.errors import SealError
from seal_sdk.presets import DEFAULT, PRESETS
from seal_sdk.result import Generation
from seal_sdk.serving.comfyui.description import (
    DRAWING,
    IDENTITY,
    SESSION,
    SETTINGS,
    Input,
    Node,
    Output,
    choice,
    flag,
    link,
    number,
    text,
)
from seal_sdk.serving.comfyui.models import OpenModel
from seal_sdk.serving.comfyui.progress import NodeProgress
from seal_sdk.serving.comfyui.settings import MethodSettings
from seal_sdk.serving.comfyui.subjects import Subject, identity_argument
from seal_sdk.serving.comfyui.tensors import masks, pictures, to_image

LARGEST_SEED = 2**64 - 1
MOST_IMAGES = 4096
SEED = Input(
    "seed",
    "INT",
    {
        "default": 0,
        "min": 0,
        "max": LARGEST_SEED,
        "control_after_generate": True,
        "tooltip": "Of the first image; further ones take the following numbers.",
    },
)
WORDS = (
    text("prompt", "What the new image shows, such as 'a photo of a tiger on snow'.", lines=True),
    text("negative_prompt", "What it should not show.", lines=True),
)
SAMPLING = (
    SEED,
    number("steps", "Denoising steps; 0: the model's own.", 0, 0, 1000, 1),
    number(
        "guidance", "How strongly to follow the prompt; 0: as the model has it, 1: no guidance.", 0.0, 0.0, 100.0, 0.1
    ),
    number("batch_size", "Images of each structure or picture.", 1, 1, MOST_IMAGES, 1),
    choice(
        "preset", "The method's settings; of an identity those it was registered with.", lambda: list(PRESETS), DEFAULT
    ),
    flag("match_maps", "Keep what SeAl: Match Map shows."),
)
OPTIONAL = (
    link("identity", IDENTITY, "Who is drawn; nobody: text and structure alone.", optional=True),
    link("structure", "IMAGE", "Its pose and layout are followed; several give an image each.", optional=True),
    link("structure_mask", "MASK", "White where its subject is; else the segmenter looks.", optional=True),
    text("structure_prompt", "What it shows, such as 'a mesh of a tiger'; empty: the prompt.", optional=True),
    link("settings", SETTINGS, "Of SeAl: Settings.", optional=True),
)
OUTPUTS = (
    Output("image", "IMAGE"),
    Output("settings_text", "STRING", "All settings of each image, JSON: for SeAl: Save."),
    Output("drawing", DRAWING, "For SeAl: Match Map."),
)


@dataclass(frozen=True, eq=False)
class Drawing:
    """What a node has drawn. subjects: who."""

    generation: Generation
    subjects: Sequence[Subject]


def draw_node() -> Node:
    """Draws identities in new images."""
    size = (
        number("width", "In pixels; 0: the model's own.", 0, 0, 16384, 8),
        number("height", "In pixels; 0: the model's own.", 0, 0, 16384, 8),
    )
    return Node(
        "SealDraw",
        "SeAl: Draw",
        "Draws one or more identities, in the pose of the structure image, as the prompt says.",
        (link("session", SESSION, "Of SeAl: Model."), *WORDS, *size, *SAMPLING, *OPTIONAL),
        OUTPUTS,
        _run,
        check_words,
    )


def _run(session: OpenModel, width: int, height: int, **values: Any) -> tuple[Tensor, str, Drawing]:
    return draw(session, values, {"width": width or None, "height": height or None})


def draw(session: OpenModel, values: Mapping[str, Any], where: Mapping[str, Any]) -> tuple[Tensor, str, Drawing]:
    """Draw with the inputs ``values``. where: further arguments of `IdentitySession.generate`, the canvas or picture."""
    subjects = values.get("identity") or ()
    settings = values.get("settings") or MethodSettings()
    generation = session.session.generate(
        prompt=values["prompt"],
        negative_prompt=values["negative_prompt"] or None,
        seed=values["seed"],
        num_inference_steps=values["steps"] or None,
        guidance_scale=values["guidance"] or None,
        num_images_per_prompt=values["batch_size"],
        match_maps=values["match_maps"],
        identity=identity_argument(subjects),
        callbacks=[NodeProgress(session)],
        **_structure(values),
        **settings.arguments(values["preset"]),
        **where,
    )
    return to_image(generation.images), json.dumps(generation.settings, sort_keys=True), Drawing(generation, subjects)


def _structure(values: Mapping[str, Any]) -> dict[str, Any]:
    if values.get("structure") is None:
        return {}
    return {
        "structure": pictures(values["structure"], "structure"),
        "structure_mask": masks(values.get("structure_mask"), "structure_mask"),
        "structure_prompt": values.get("structure_prompt") or None,
    }


def check_words(prompt: str | None) -> bool | str:
    """Whether these are words, before anything runs."""
    from seal_sdk.generation.request import check_reference_prompt

    try:
        if prompt is not None:
            check_reference_prompt(prompt)
    except SealError as error:
        return str(error)
    return True
