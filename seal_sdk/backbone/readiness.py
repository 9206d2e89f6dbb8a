"""States of a pipeline that the method cannot work with: each is told in words, before any work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

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


def _scheduler(pipe: Any, unet: Any) -> str | None:
    if hasattr(pipe.scheduler, "alphas_cumprod"):
        return None
    return (
        f"{type(pipe.scheduler).__name__} has no noise schedule of alphas, which the model was trained with. These schedulers work: "
        f"{SCHEDULERS}; for instance pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)."
    )


def _channels(pipe: Any, unet: Any) -> str | None:
    takes, given = unet.config["in_channels"], pipe.vae.config["latent_channels"]
    if takes == given:
        return None
    return (
        f"The UNet takes {takes} channels and the VAE's latents have {given}: it is made for inpainting or editing, and wants a masked "
        "image beside the latents. Use the base model's UNet."
    )


def _perturbed_attention(pipe: Any, unet: Any) -> str | None:
    if not hasattr(pipe, "pag_applied_layers"):
        return None
    return (
        f"{type(pipe).__name__} guides by perturbed attention (PAG), which generate() does not do: make a pipeline without it from the "
        "same parts, StableDiffusionXLPipeline.from_pipe(pipe, dtype=pipe.unet.dtype)."
    )


def _compiled(pipe: Any, unet: nn.Module) -> str | None:
    """Compiled code ignores hooks that are put on its modules later: infusion would silently do nothing."""
    if not any(getattr(module, "_compiled_call_impl", None) is not None for module in unet.modules()):
        return None
    return (
        "The UNet or blocks of it are compiled in place (compile_repeated_blocks or unet.compile()): compiled code ignores the method's "
        "hooks. Load the pipeline without compiling it."
    )


def _sequential_offload(pipe: Any, unet: nn.Module) -> str | None:
    if not any(parameter.device.type == "meta" for parameter in unet.parameters()):
        return None
    return (
        "The UNet's weights are not on a device (sequential CPU offload keeps them elsewhere), so that the model cannot be told from "
        "others: use pipe.enable_model_cpu_offload() instead."
    )


OBSTACLES: tuple[Callable[[Any, Any], str | None], ...] = (
    _sequential_offload,
    _compiled,
    _perturbed_attention,
    _channels,
    _scheduler,
)
