"""Images to latents and back through the pipeline's VAE, which overflows in fp16."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from seal_sdk.errors import NumericalError


@contextmanager
def _safe_vae(pipe: StableDiffusionXLPipeline) -> Iterator[torch.dtype]:
    """The VAE in a dtype that it can work in (SDXL's own overflows in fp16), and afterwards as it was."""
    dtype = pipe.vae.dtype
    upcast = dtype == torch.float16 and pipe.vae.config.force_upcast
    if upcast:
        pipe.vae.to(torch.float32)
    try:
        yield pipe.vae.dtype
    finally:
        if upcast:
            pipe.vae.to(dtype)


def _mean_std(pipe: StableDiffusionXLPipeline, like: Tensor) -> tuple[Tensor, Tensor] | None:
    mean, std = getattr(pipe.vae.config, "latents_mean", None), getattr(pipe.vae.config, "latents_std", None)
    if mean is None or std is None:
        return None
    return like.new_tensor(mean).view(1, -1, 1, 1), like.new_tensor(std).view(1, -1, 1, 1)


@torch.no_grad()
def encode_image(pipe: StableDiffusionXLPipeline, image: Image.Image) -> Tensor:
    """Latents (1, C, H/f, W/f) of an RGB image: the mode of the posterior, so that the same image always gives the same latents."""
    with _safe_vae(pipe) as dtype:
        pixels = pipe.image_processor.preprocess(image).to(pipe._execution_device, dtype)
        latents = pipe.vae.encode(pixels).latent_dist.mode()
    normal = _mean_std(pipe, latents)
    latents = latents if normal is None else (latents - normal[0]) / normal[1]
    latents = (latents * pipe.vae.config.scaling_factor).to(pipe.unet.dtype)
    check_finite(latents, "the encoded image", pipe)
    return latents


@torch.no_grad()
def decode_latents(pipe: StableDiffusionXLPipeline, latents: Tensor, output_type: str) -> list:
    """Images of latents (1, C, h, w), in the pipeline's ``output_type``; the same operations as SDXL's ``__call__``."""
    with _safe_vae(pipe) as dtype:
        latents = latents.to(dtype)
        normal = _mean_std(pipe, latents)
        if normal is None:
            latents = latents / pipe.vae.config.scaling_factor
        else:
            latents = latents * normal[1] / pipe.vae.config.scaling_factor + normal[0]
        pixels = pipe.vae.decode(latents, return_dict=False)[0]
    check_finite(pixels, "the decoded image", pipe)
    if getattr(pipe, "watermark", None) is not None:
        pixels = pipe.watermark.apply_watermark(pixels)
    return list(pipe.image_processor.postprocess(pixels, output_type=output_type))


def check_finite(tensor: Tensor, what: str, pipe: StableDiffusionXLPipeline) -> None:
    """Raise NumericalError, which names what and where, when the tensor holds NaN or infinity."""
    if not torch.isfinite(tensor).all():
        raise NumericalError(
            f"NaN or infinity in {what} (UNet {pipe.unet.dtype}, VAE {pipe.vae.dtype}). "
            "Half precision overflowed or the weights are broken: try precision='bf16' or 'fp32'."
        )
