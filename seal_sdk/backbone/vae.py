"""Images to latents and back through a VAE, which may overflow in fp16 (SDXL's own does).

may_upcast: whether the family's pipelines heed the VAE's ``force_upcast`` in fp16.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from seal_sdk.backbone.finite import check_finite


def _without_overflow(vae: AutoencoderKL, may_upcast: bool) -> AbstractContextManager[torch.dtype]:
    """The VAE in a dtype that it can work in, and afterwards as it was."""
    return _upcast(vae, may_upcast and vae.dtype == torch.float16 and vae.config["force_upcast"])


@contextmanager
def _upcast(vae: AutoencoderKL, upcast: bool) -> Iterator[torch.dtype]:
    """The VAE in fp32 if asked for, and afterwards as it was."""
    dtype = vae.dtype
    if upcast:
        nn.Module.to(vae, torch.float32)
    try:
        yield vae.dtype
    finally:
        if upcast:
            nn.Module.to(vae, dtype)


def _mean_std(vae: AutoencoderKL, like: Tensor) -> tuple[Tensor, Tensor] | None:
    mean, std = vae.config.get("latents_mean"), vae.config.get("latents_std")
    if mean is None or std is None:
        return None
    return like.new_tensor(mean).view(1, -1, 1, 1), like.new_tensor(std).view(1, -1, 1, 1)


def _mode(encoded: Any) -> Tensor:
    """The latents of an encoding; an AutoencoderTiny has no posterior."""
    latents: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
    return latents


def to_model_latents(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """The VAE's own latents (B, C, h, w), as ComfyUI passes them on, as the model has them: normalised and scaled."""
    normal = _mean_std(vae, latents)
    latents = latents if normal is None else (latents - normal[0]) / normal[1]
    scaled: Tensor = latents * vae.config["scaling_factor"]
    return scaled


@torch.no_grad()
def encode_pixels(vae: AutoencoderKL, pixels: Tensor, may_upcast: bool) -> Tensor:
    """Latents (1, C, H/f, W/f) of pixels (1, 3, H, W) in [-1, 1]: the posterior's mode, so that the same image always gives the same."""
    with _without_overflow(vae, may_upcast) as dtype:
        latents = to_model_latents(vae, _mode(vae.encode(pixels.to(dtype))))
    check_finite(latents, "the encoded image")
    return latents


@torch.no_grad()
def sample_latents(
    vae: AutoencoderKL, pixels: Tensor, generator: torch.Generator | None, may_upcast: bool, dtype: torch.dtype
) -> Tensor:
    """Latents (B, C, h, w) of pixels (B, 3, H, W) in [-1, 1], drawn from the posterior as diffusers' img2img pipelines draw them.

    dtype: of the model's latents. Raises NumericalError.
    """
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img import retrieve_latents

    with _upcast(vae, may_upcast and bool(vae.config.get("force_upcast"))) as precise:
        rounded = pixels.to(dtype=dtype)  # diffusers rounds pixels to the model's dtype first
        latents: Tensor = retrieve_latents(vae.encode(rounded.to(precise)), generator)
    latents = latents.to(dtype)
    normal = _mean_std(vae, latents)
    scaled = (latents if normal is None else latents - normal[0]) * vae.config["scaling_factor"]
    latents = scaled if normal is None else scaled / normal[1]
    check_finite(latents, "the encoded picture")
    return latents


@torch.no_grad()
def decode_latents(vae: AutoencoderKL, latents: Tensor, may_upcast: bool) -> Tensor:
    """Pixels (B, 3, H, W) of latents (B, C, h, w); the same operations as in diffusers' pipelines."""
    with _without_overflow(vae, may_upcast) as dtype:
        latents = latents.to(dtype)
        normal = _mean_std(vae, latents)
        if normal is None:
            latents = latents / vae.config["scaling_factor"]
        else:
            latents = latents * normal[1] / vae.config["scaling_factor"] + normal[0]
        pixels: Tensor = vae.decode(latents, return_dict=False)[0]
    check_finite(pixels, "the decoded image")
    return pixels
