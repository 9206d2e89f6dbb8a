"""The node that shows where a drawing's appearance came from."""

from __future__ import annotations

from collections.abc import Iterator

from PIL import Image
from torch import Tensor

from seal_sdk.match_maps import stack
from seal_sdk.serving.comfyui.description import DRAWING, Node, Output, link, number, text
from seal_sdk.serving.comfyui.nodes.draw import Drawing
from seal_sdk.serving.comfyui.tensors import to_image

ALL = -1


def match_map_node() -> Node:
    """Shows match maps."""
    return Node(
        "SealMatchMap",
        "SeAl: Match Map",
        "Which places of the reference a drawing took its appearance from: above, equal colours mark what was matched; below, how often "
        "and how similar. One map for each image and each of its identities.",
        (
            link("drawing", DRAWING, "Of SeAl: Draw, with match_maps on."),
            text("layer", "Only layers whose name contains this, such as up_blocks.1."),
            number("step", "Only this denoising step, from 0; -1: all.", ALL, ALL, 1000, 1),
        ),
        (Output("maps", "IMAGE"),),
        _run,
    )


def _run(drawing: Drawing, layer: str, step: int) -> tuple[Tensor]:
    return (to_image(list(_maps(drawing, layer, None if step == ALL else step))),)


def _maps(drawing: Drawing, layer: str, step: int | None) -> Iterator[Image.Image]:
    generation = drawing.generation
    several = len(drawing.subjects) > 1
    for subject in drawing.subjects or (None,):
        name = subject.name if subject is not None and several else None
        maps = generation.maps(layer=layer, step=step, identity=name)
        reference = stack([each.image for each in subject.references]) if subject is not None else generation.image
        for shown, image in zip(maps, generation.images, strict=True):
            yield shown.draw(reference, image)
