"""States of a pipeline that the method cannot work with: each is told in words, before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from seal_sdk.backbone.weights import diffusers_hook, weights
from seal_sdk.errors import UnsupportedModel

SCHEDULERS = (
    "DDIM, DDPM, PNDM, LMSDiscrete, EulerDiscrete, EulerAncestralDiscrete, HeunDiscrete, KDPM2Discrete, KDPM2AncestralDiscrete, "
    "DEISMultistep, UniPCMultistep, DPMSolverMultistep, DPMSolverSinglestep, SASolver, LCM, TCD"
)


def check_pipeline(pipe: Any, unet: nn.Module) -> None:
    """Raise UnsupportedModel, which says what is in the way and what to do, for a state that the method cannot work with.

    unet: the pipeline's, without the wrapper of ``torch.compile``.
    """
    for obstacle in OBSTACLES:
        told = obstacle(pipe, unet)
        if told:
            raise UnsupportedModel(told)


def _own_noise(pipe: Any, unet: Any) -> str | None:
    if not hasattr(pipe.scheduler, "noise_sampler"):
        return None
    return (
        f"{type(pipe.scheduler).__name__} draws noise from torch's global generator, which neither seed= nor generator= reaches: the same "
        "seed would draw another image each time. DPMSolverMultistepScheduler(algorithm_type='sde-dpmsolver++') does the like with seeds."
    )


def _scheduler(pipe: Any, unet: Any) -> str | None:
    if hasattr(pipe.scheduler, "alphas_cumprod"):
        return None
    return (
        f"{type(pipe.scheduler).__name__} has no noise schedule of alphas, which the model was trained with. These schedulers work: "
        f"{SCHEDULERS}; for instance pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)."
    )


def _channels(pipe: Any, unet: Any) -> str | None:
    takes, given = unet.config["in_channels"], pipe.vae.config["latent_channels"]
    if takes in (given, 2 * given + 1):  # with a mask and a masked picture beside the latents
        return None
    return (
        f"The UNet takes {takes} channels and the VAE's latents have {given}: it is made for editing, and wants another image beside the "
        "latents. Use the base model's UNet, or one for inpainting."
    )


def _perturbed_attention(pipe: Any, unet: Any) -> str | None:
    if not hasattr(pipe, "pag_applied_layers"):
        return None
    return (
        f"{type(pipe).__name__} guides by perturbed attention (PAG), which generate() does not do: make a pipeline without it from the "
        "same parts, StableDiffusionXLPipeline.from_pipe(pipe, dtype=pipe.unet.dtype)."
    )


def _placeholders(pipe: Any, unet: nn.Module) -> str | None:
    """Sequential CPU offload leaves placeholders too, but its hooks have their values."""
    for name, module in _parts(pipe):
        on_no_device = any(parameter.is_meta for parameter in module.parameters())
        if on_no_device and any(tensor.is_meta for _, tensor, _ in weights(module)):
            return (
                f"Weights of pipe.{name} have no values (device 'meta'), and no offloading hook of accelerate that has them: load the "
                "pipeline anew, and offload it with pipe.enable_model_cpu_offload() or pipe.enable_sequential_cpu_offload()."
            )
    return None


def _offloaded_to_disk(pipe: Any, unet: nn.Module) -> str | None:
    for name, module in _parts(pipe):
        if any(group.offload_to_disk_path for group in _groups(module)):
            return (
                f"pipe.{name} keeps its weights on the disk between forwards (group offload with offload_to_disk_path), where they "
                "cannot be told from other weights: call enable_group_offload() without offload_to_disk_path."
            )
    return None


def _streamed_upcast(pipe: Any, unet: nn.Module) -> str | None:
    """Streams bring back copies made before the upcast: diffusers' own pipeline fails then."""
    vae = pipe.vae
    upcast = hasattr(pipe, "upcast_vae") and vae.dtype == torch.float16 and vae.config.get("force_upcast")
    if not upcast or not any(group.stream is not None for group in _groups(vae)):
        return None
    return (
        "The VAE needs fp32 (its force_upcast), which group offload with use_stream=True undoes: pass exclude_modules='vae' to "
        "pipe.enable_group_offload(), or take a VAE that works in fp16, such as madebyollin/sdxl-vae-fp16-fix."
    )


def _mixed_casting(pipe: Any, unet: nn.Module) -> str | None:
    """Layerwise casting leaves the norms as they are: diffusers' own pipeline fails when they compute in another dtype."""
    casts = {part: diffusers_hook(part, "layerwise_casting") for part in unet.modules()}
    computed = {hook.compute_dtype for hook in casts.values() if hook is not None}
    uncast = [part for part, hook in casts.items() if hook is None]
    kept = {each.dtype for part in uncast for each in part.parameters(recurse=False) if each.is_floating_point()}
    if not computed or kept <= computed:
        return None
    named = (", ".join(sorted(map(str, dtypes))) for dtypes in (computed, kept))
    return (
        "The UNet's layerwise casting computes in {}, and its other layers in {}: load it in its compute_dtype.".format(
            *named
        )
    )


def _parts(pipe: Any) -> list[tuple[str, nn.Module]]:
    return [(name, each) for name, each in pipe.components.items() if isinstance(each, nn.Module)]


def _groups(module: nn.Module) -> list[Any]:
    """The groups of modules that diffusers' group offload moves together."""
    hooks = [diffusers_hook(part, "group_offloading") for part in module.modules()]
    return [hook.group for hook in hooks if hook is not None]


OBSTACLES: tuple[Callable[[Any, Any], str | None], ...] = (
    _placeholders,
    _offloaded_to_disk,
    _streamed_upcast,
    _mixed_casting,
    _perturbed_attention,
    _channels,
    _scheduler,
    _own_noise,
)
