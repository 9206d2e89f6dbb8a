"""diffusers' denoising loops with an identity: infusion around the loop, the session's passes inside it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import torch
from diffusers.guiders.guider_utils import BaseGuidance
from diffusers.models.embeddings import MultiIPAdapterImageProjection
from diffusers.modular_pipelines.modular_pipeline import PipelineState
from diffusers.modular_pipelines.modular_pipeline_utils import ComponentSpec, InputParam
from diffusers.modular_pipelines.stable_diffusion_xl.denoise import (
    StableDiffusionXLControlNetDenoiseStep,
    StableDiffusionXLDenoiseLoopWrapper,
    StableDiffusionXLDenoiseStep,
    StableDiffusionXLInpaintControlNetDenoiseStep,
    StableDiffusionXLInpaintDenoiseStep,
)

from seal_sdk.backbone.cross_attention import check_lora_scale
from seal_sdk.backbone.finite import check_finite
from seal_sdk.errors import ConfigError, InputError, UnsupportedModel
from seal_sdk.generation.call import Call
from seal_sdk.generation.prompt_edits import NO_WORDS
from seal_sdk.generation.reading import reading
from seal_sdk.generation.regions import lacks_words
from seal_sdk.generation.subject_planner import SubjectPlanner
from seal_sdk.identity import Identity
from seal_sdk.modular.denoiser import ImageByImage
from seal_sdk.modular.inputs import APPEARANCE, APPEARANCE_EMBEDS, EMBEDS, IDENTITY, MODEL, READER, with_guider
from seal_sdk.modular.loop import ModularLoop
from seal_sdk.modular.plans import bind_images, make_plan, make_settings
from store import StoreCorruption


class IdentityLoop(StableDiffusionXLDenoiseLoopWrapper):
    """Puts an identity into a denoising loop of diffusers: ``class Mine(IdentityLoop, DiffusersLoop)``.

    The loop's block "denoiser" runs once per image and step, with the guider's rows as its batch, while infusion is on the UNet.
    Without an identity, or with nothing to take from it, the loop runs as it is.
    """

    @property
    def expected_components(self) -> list[ComponentSpec]:
        """Diffusers' own, the rest of the model, which tells it from others, and who reads identities."""
        own = with_guider(super().expected_components)
        return own + [each for each in (*MODEL, READER) if each not in own]

    @property
    def loop_inputs(self) -> list[InputParam]:
        """Diffusers' own, the identity, how it is infused, and the words that prompt edits compare."""
        own = [InputParam(name) for name in ("prompt", "negative_prompt", "clip_skip", *APPEARANCE_EMBEDS)]
        several = InputParam("num_images_per_prompt", default=1)
        return [*super().loop_inputs, IDENTITY, APPEARANCE, *own, several, EMBEDS]

    @torch.no_grad()
    def __call__(self, components: Any, state: PipelineState) -> tuple[Any, PipelineState]:
        """Raises InputError, ConfigError, UnsupportedModel, WrongModel, NumericalError, or a StoreError."""
        with _drawing(components, self.get_block_state(state)) as loop:
            if loop is None:
                return super().__call__(components, state)
            drawing: Any = copy.copy(self)  # other threads may be in this block too
            denoiser = ImageByImage(self.sub_blocks["denoiser"], loop)
            drawing.sub_blocks = {**self.sub_blocks, "denoiser": denoiser}
            done = super(IdentityLoop, drawing).__call__(components, state)
        latents: Any = state.get("latents")
        check_finite(latents, "the denoised latents")
        return done


class IdentityDenoiseStep(IdentityLoop, StableDiffusionXLDenoiseStep):
    """Text to image, and image to image."""


class IdentityControlNetDenoiseStep(IdentityLoop, StableDiffusionXLControlNetDenoiseStep):
    """With a ControlNet, several, or ControlNet-Union."""


class IdentityInpaintDenoiseStep(IdentityLoop, StableDiffusionXLInpaintDenoiseStep):
    """Inpainting, with a UNet of 4 channels."""


class IdentityInpaintControlNetDenoiseStep(IdentityLoop, StableDiffusionXLInpaintControlNetDenoiseStep):
    """Inpainting with a ControlNet."""


@contextmanager
def _drawing(components: Any, block_state: Any) -> Iterator[ModularLoop | None]:
    """The loop that draws the identity, with all that it needs on the model; None where nothing is taken from an identity."""
    if block_state.identity is None or not make_settings(components, block_state).needs_identity:
        yield None
        return
    backbone = components.identity_reader.backbone(components)
    backbone.check_ready()
    if backbone.pictures.takes_mask:
        raise UnsupportedModel(
            "A UNet of 9 channels paints into pictures with an identity in IdentitySession.generate(image=, mask_image=), not in blocks."
        )
    _check_inputs(components, block_state)
    call = Call(
        backbone,
        make_settings(components, block_state),
        _no_segmenter,
        _give_up,
        components.identity_reader.input_cache,
    )
    images = bind_images(block_state)
    if call.edits_references and any(lacks_words(block_state.prompt, subjects) for subjects in images):
        warnings.warn(NO_WORDS, UserWarning, stacklevel=2)
    identities = list(
        {each.digest: each for image in images for subject in image for each in subject.references}.values()
    )
    with backbone.lock:
        for identity in identities:
            identity.check_model(call.model)
        with (
            reading(call, components.identity_reader.cache, identities, block_state.timesteps) as readers,
            backbone.hooks() as hooks,
        ):
            planner = SubjectPlanner(call, readers) if readers else None
            plans = [make_plan(call, block_state, number, subjects, planner) for number, subjects in enumerate(images)]
            loop = ModularLoop(call, plans, components.guider, len(block_state.timesteps))
            loop.install(hooks)
            yield loop


def _check_inputs(components: Any, block_state: Any) -> None:
    """Raise ConfigError or InputError for what cannot be done with an image's rows in one pass."""
    guider = type(components.guider)
    if guider.prepare_models is not BaseGuidance.prepare_models:
        raise ConfigError(
            f"{guider.__name__} changes the model between its rows, which an identity computes in one pass: "
            "pipe.update_components(guider=DeltaBridgeGuidance(...)), or ClassifierFreeGuidance."
        )
    if getattr(block_state, "guess_mode", False):
        raise InputError(
            "guess_mode (or a ControlNet with global_pool_conditions) gives the rows different residuals, and an identity computes them "
            "in one pass: leave it out."
        )
    parts = (components.unet, components.text_encoder, components.text_encoder_2)
    check_lora_scale(getattr(block_state, "cross_attention_kwargs", None), *parts)
    reads_images = isinstance(components.unet.encoder_hid_proj, MultiIPAdapterImageProjection)
    if reads_images and getattr(block_state, "ip_adapter_embeds", None) is None:
        raise InputError("An IP-Adapter is loaded: give ip_adapter_image=, or call pipe.unload_ip_adapter().")
    several = block_state.num_images_per_prompt
    if 1 < several < len(block_state.latents):
        raise InputError(
            f"num_images_per_prompt={several} with several prompts: diffusers' input block gives images the pooled embedding of other "
            f"prompts then. Repeat the prompts instead: prompt=[each for each in prompts for _ in range({several})]."
        )


def _no_segmenter() -> NoReturn:
    raise ConfigError("The blocks find no subjects: give each identity a box or a mask.")


def _give_up(identity: Identity, error: StoreCorruption) -> NoReturn:
    raise StoreCorruption(
        f"{error}; drawing it once with IdentitySession.generate repairs it",
        identity=error.identity,
        timestep=error.timestep,
        layers=error.layers,
    ) from error
