"""One ``generate`` call: what all its parts share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property

import torch

from seal_sdk.backbone.base import Backbone, SelfAttention
from seal_sdk.generation.input_cache import InputCache
from seal_sdk.generation.meter import Meter
from seal_sdk.generation.settings import Settings, is_guided
from seal_sdk.identity import Identity
from seal_sdk.segmentation import SubjectSegmenter
from store import StoreCorruption

Repair = Callable[[Identity, StoreCorruption], Identity]


@dataclass(frozen=True, eq=False)
class Call:
    """One call. segmenter: loaded when first asked. repair: gives an identity, whole again, where the store lost some of it.

    input_cache: what the calls before encoded and edited.
    """

    backbone: Backbone
    settings: Settings
    segmenter: Callable[[], SubjectSegmenter]
    repair: Repair
    input_cache: InputCache = field(default_factory=InputCache)
    meter: Meter = field(default_factory=Meter)

    @cached_property
    def layers(self) -> tuple[SelfAttention, ...]:
        """The layers that are infused; none where infusion is off."""
        appearance = self.settings.appearance
        return self.backbone.self_attention_layers(appearance.layers) if appearance.delta else ()

    @cached_property
    def model(self) -> dict[str, str | bool | None]:
        """The model's fingerprint, computed once."""
        return self.backbone.fingerprint()

    @cached_property
    def state(self) -> Hashable:
        """All of the model that decides what it makes of a text or an image: what is remembered is remembered of this state."""
        backbone, device = self.backbone, self.backbone.device
        kernels = tuple(layer.kernel for layer in self.layers)
        precision = backbone.dtype, torch.is_autocast_enabled(device.type)
        return (*self.model.items(), str(device), precision, backbone.words.reading, kernels)

    @property
    def guided(self) -> bool:
        """Whether there is an unconditional row."""
        return is_guided(self.backbone, self.settings.sampling)

    @property
    def edits_references(self) -> bool:
        """Whether references change where the prompt says otherwise (``DeltaBridge.override``)."""
        bridge, appearance = self.settings.delta_bridge, self.settings.appearance
        return (
            self.guided
            and bridge.strength > 0
            and bridge.override > 0
            and appearance.delta > 0
            and appearance.detail > 0
        )

    @property
    def latent_size(self) -> tuple[int, int]:
        """(height, width) of the image's latents."""
        return self.backbone.geometry.latent_size(self.settings.sampling.size)
