"""What the blocks take beside diffusers' own inputs and components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffusers.configuration_utils import FrozenDict
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.modular_pipelines.modular_pipeline_utils import ComponentSpec, InputParam
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from seal_sdk.config import Appearance, DeltaBridge
from seal_sdk.errors import InputError
from seal_sdk.generation.regions import SubjectBinding, bind_subjects, check_gating
from seal_sdk.generation.request import as_list
from seal_sdk.identity import Identity
from seal_sdk.modular.guidance import DeltaBridgeGuidance
from seal_sdk.modular.identity_reader import IdentityReader

IDENTITY = InputParam(
    "identity",
    type_hint=Any,
    description=(
        "The Identity to draw, as a session registers it; several references of one subject as a tuple; several subjects as a mapping of "
        "identities to boxes (x0, y0, x1, y1) or masks (H, W), in pixels of the image to draw; or a list with one of these per prompt. "
        "None: diffusers' own blocks run as they are."
    ),
)
APPEARANCE = InputParam(
    "appearance",
    type_hint=Appearance,
    default=Appearance(),
    description="How the identity is infused (seal_sdk.Appearance).",
)
APPEARANCE_EMBEDS = {
    "appearance_prompt_embeds": "prompt_embeds",
    "appearance_pooled_prompt_embeds": "pooled_prompt_embeds",
}
"""Names of the appearance row's embeddings, and of the prompt's that they are made like."""
EMBEDS = InputParam(kwargs_type="denoiser_input_fields", description="Embeddings of the rows.")
_frozen: Any = FrozenDict  # it has no types
GUIDER = ComponentSpec(
    "guider", DeltaBridgeGuidance, config=_frozen({"guidance_scale": 5.0}), default_creation_method="from_config"
)
READER = ComponentSpec(
    "identity_reader", IdentityReader, config=_frozen({"memory_budget": None}), default_creation_method="from_config"
)
MODEL = (
    ComponentSpec("vae", AutoencoderKL),
    ComponentSpec("text_encoder", CLIPTextModel),
    ComponentSpec("text_encoder_2", CLIPTextModelWithProjection),
    ComponentSpec("tokenizer", CLIPTokenizer),
    ComponentSpec("tokenizer_2", CLIPTokenizer),
)


def with_guider(components: Sequence[ComponentSpec]) -> list[ComponentSpec]:
    """The components with Delta-Bridge as the guider where none is given."""
    return [GUIDER if each.name == "guider" else each for each in components]


def bridge_of(guider: Any) -> DeltaBridge:
    """The guider's Delta-Bridge; other guiders have none."""
    return guider.delta_bridge if isinstance(guider, DeltaBridgeGuidance) else DeltaBridge(strength=0)


def of_image(value: Any, name: str, number: int, images: int) -> Any:
    """What is the image's own: of a list with one for each prompt that of its prompt, anything else as it is. Raises InputError."""
    values = as_list(value)
    if not values or images % len(values):
        raise InputError(f"{name}: {len(values)} for {images} images; give one, or one for each prompt.")
    return values[number * len(values) // images]


def row_of_image(value: Tensor, number: int, images: int) -> Tensor:
    """The image's own (1, ...) of rows that are one for each image, one for each prompt, or one for all."""
    place = number * len(value) // images
    return value[place : place + 1]


def subjects_of(identity: Any, appearance: Appearance) -> tuple[SubjectBinding, ...]:
    """The subjects that ``identity=`` stands for, in one image. Raises InputError."""
    check_gating(identity, appearance)
    return bind_subjects(identity, _given)


def _given(identity: Any) -> Identity:
    if not isinstance(identity, Identity):
        raise InputError(
            f"identity={identity!r}: the blocks have no store; give the Identity itself, as session.register(...) and "
            "session.identities[name] return it."
        )
    return identity
