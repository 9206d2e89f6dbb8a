"""The node that draws an identity into what another sampler made."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seal_sdk.errors import InputError
from seal_sdk.serving.comfyui.description import SESSION, Node, flag, link, number
from seal_sdk.serving.comfyui.models import OpenModel
from seal_sdk.serving.comfyui.nodes.draw import OPTIONAL, OUTPUTS, SAMPLING, WORDS, Drawing, check_words, draw
from seal_sdk.serving.comfyui.tensors import latents, masks, pictures

SURROUNDINGS = 32  # pixels, as in diffusers' documentation


def draw_into_node() -> Node:
    """Draws identities into pictures."""
    return Node(
        "SealDrawInto",
        "SeAl: Draw Into",
        "Draws an identity into a picture or latents that another sampler made: where the mask is white, or everywhere, by strength. "
        "Outside of the mask a picture stays as it is.",
        (
            link("session", SESSION, "Of SeAl: Model."),
            *WORDS,
            number("strength", "How much is drawn anew; 1: all of it.", 0.8, 0.01, 1.0),
            *SAMPLING,
            flag(
                "crop_to_mask", "Draw only the mask and its surroundings, at full size, and lay that over the picture."
            ),
            link("image", "IMAGE", "The picture; give it or a latent.", optional=True),
            link("latent", "LATENT", "Of the same family of models; its noise mask counts as mask.", optional=True),
            link("mask", "MASK", "White where it is painted.", optional=True),
            *OPTIONAL,
        ),
        OUTPUTS,
        _run,
        check_words,
    )


def _run(
    session: OpenModel,
    strength: float,
    crop_to_mask: bool,
    image: Any = None,
    latent: Any = None,
    mask: Any = None,
    **values: Any,
) -> tuple[Tensor, str, Drawing]:
    if (image is None) == (latent is None):
        raise InputError("Link either an image or a latent: that is what is drawn into.")
    into = _latents(session, latent, mask) if image is None else _picture(session, image, mask, crop_to_mask)
    return draw(session, values, {**into, "strength": strength})


def _picture(session: OpenModel, image: Any, mask: Any, crop_to_mask: bool) -> dict[str, Any]:
    """Arguments of `IdentitySession.generate` for a picture, which keeps its size but for what is no whole latent."""
    start, where = pictures(image), masks(mask)
    if crop_to_mask and where is not None:
        return {"image": start, "mask_image": where, "padding_mask_crop": SURROUNDINGS}
    grid = session.session.backbone.geometry.pixels_per_latent
    height, width = (side - side % grid for side in start[0].shape[1:])
    return {"image": start, "mask_image": where, "height": height, "width": width}


def _latents(session: OpenModel, latent: Any, mask: Any) -> dict[str, Any]:
    """Arguments of `IdentitySession.generate` for latents."""
    from seal_sdk.backbone.vae import to_model_latents

    samples, noise_mask = latents(latent)
    start = to_model_latents(session.session.pipe.vae, samples)
    return {"image": list(start), "mask_image": masks(noise_mask if mask is None else mask)}
