"""IP-Adapters that are loaded in a pipeline: they read image prompts, and stay out of everything else.

Capturing K/V, and reading a reference under noise, run without the image branch. So an identity does not depend on the adapters, and is
found again with and without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models import embeddings
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from torch import Tensor, nn

from seal_sdk.backbone.image_prompt import ImageEmbeds, ImagePrompt
from seal_sdk.errors import InputError, UnsupportedModel

_WEIGHTS = re.compile(r"encoder_hid_proj\.image_projection_layers\.|.*\.processor\.to_[kv]_ip\.")


def is_image_branch(name: str) -> bool:
    """Whether a weight of a UNet belongs to an IP-Adapter, by its dotted name."""
    return _WEIGHTS.match(name) is not None


@dataclass(frozen=True)
class _Input:
    """What a projection of images reads: D numbers each, or the tokens of an encoder, (T, D)."""

    width: int
    tokens: bool

    @property
    def shape(self) -> str:
        return f"T, {self.width}" if self.tokens else f"{self.width}"

    def takes(self, embeds: Tensor) -> bool:
        """Whether embeddings (R, n, ...) fit."""
        deep = embeds.ndim == 4 and (self.tokens or embeds.shape[2] == 1)
        return embeds.shape[-1] == self.width and (deep or (embeds.ndim == 3 and not self.tokens))


_INPUTS: tuple[tuple[type[nn.Module], Callable[[Any], _Input]], ...] = (
    (embeddings.ImageProjection, lambda each: _Input(each.image_embeds.in_features, tokens=False)),
    (embeddings.IPAdapterPlusImageProjection, lambda each: _Input(each.proj_in.in_features, tokens=True)),
    (embeddings.IPAdapterFullImageProjection, lambda each: _Input(each.ff.net[0].proj.in_features, tokens=True)),
    (embeddings.IPAdapterFaceIDImageProjection, lambda each: _Input(each.ff.net[0].proj.in_features, tokens=False)),
)


def _input(projection: nn.Module) -> _Input:
    """Raises UnsupportedModel for kinds whose input is not known, or that need more than the image prompt."""
    for kind, read in _INPUTS:
        if isinstance(projection, kind):
            return read(projection)
    raise UnsupportedModel(
        f"An IP-Adapter's images go through {type(projection).__name__}, which is not supported (FaceID Plus keeps embeddings for one call "
        "of diffusers' own pipeline): use an IP-Adapter of another kind, or call pipe.unload_ip_adapter()."
    )


@contextmanager
def image_branch(unet: UNet2DConditionModel, embeds: Sequence[Tensor]) -> Iterator[dict[str, list[Tensor]]]:
    """What the UNet takes of an image prompt beside its other inputs; without embeds the image branch is switched off inside.

    embeds: per adapter (R, n, ...).
    """
    projection = unet.encoder_hid_proj
    if not isinstance(projection, embeddings.MultiIPAdapterImageProjection):
        yield {}
        return
    if embeds:
        yield {"image_embeds": list(embeds)}
        return
    unet.encoder_hid_proj = _NoImages()  # the attention processors have nothing to add, whatever their scales
    try:
        yield {"image_embeds": []}
    finally:
        unet.encoder_hid_proj = projection


class _NoImages(embeddings.MultiIPAdapterImageProjection):
    """In the place of the adapters' projections: there is no adapter."""

    def __init__(self) -> None:
        super().__init__([])


class IPAdapters:
    """The IP-Adapters of a pipeline, maybe none.

    unet: the pipeline's, without the wrapper of ``torch.compile``. fingerprint: of a module, by content.
    """

    def __init__(self, pipe: Any, unet: UNet2DConditionModel, fingerprint: Callable[[nn.Module], str | None]) -> None:
        self._pipe, self._unet, self._fingerprint = pipe, unet, fingerprint

    @property
    def projections(self) -> Sequence[nn.Module]:
        """What makes tokens of each adapter's images."""
        projection: Any = self._unet.encoder_hid_proj
        loaded = isinstance(projection, embeddings.MultiIPAdapterImageProjection)
        return list(projection.image_projection_layers) if loaded else []

    @property
    def scales(self) -> dict[str, list[Any]]:
        """Attention layer -> how much it takes of each adapter: a number, or one per image."""
        processors: dict[str, Any] = self._unet.attn_processors if self.projections else {}
        return {name: list(each.scale) for name, each in processors.items() if hasattr(each, "to_k_ip")}

    def check(self, prompt: ImagePrompt, guided: bool) -> None:
        """Raise InputError for an image prompt that does not fit the adapters, UnsupportedModel for adapters that are not supported.

        guided: whether there is an unconditional row.
        """
        projections, name = self.projections, prompt.given
        if not projections:
            if name:
                raise InputError(
                    f"{name}= is given, but no IP-Adapter is loaded: call pipe.load_ip_adapter(...), or leave it out."
                )
            return
        if not name:
            raise InputError(
                "An IP-Adapter is loaded and sees no image: give ip_adapter_image= or ip_adapter_image_embeds=, or call "
                "pipe.unload_ip_adapter() first."
            )
        if len(prompt.counts) != len(projections):
            raise InputError(
                f"{name} has {len(prompt.counts)} entries, and {len(projections)} IP-Adapter(s) are loaded: give a list with one entry per "
                "adapter, which all images of a batch share. Several images for one adapter are a list in the list."
            )
        for number, projection in enumerate(projections):
            taken = _input(projection)
            if prompt.ip_adapter_image is None:
                _check_embeds((prompt.ip_adapter_image_embeds or ())[number], taken, guided)
            else:
                self._check_encoder(projection, taken)
                self._check_pixels(prompt.ip_adapter_image[number])

    def _check_encoder(self, projection: nn.Module, taken: _Input) -> None:
        """Whether the image encoder makes what an adapter reads."""
        encoder = getattr(self._pipe, "image_encoder", None)
        if encoder is None or getattr(self._pipe, "feature_extractor", None) is None:
            raise InputError(
                "ip_adapter_image needs the adapter's image encoder, and the pipeline has no image_encoder or no feature_extractor: load "
                "the adapter with image_encoder_folder=..., or give ip_adapter_image_embeds=."
            )
        whole = isinstance(projection, embeddings.ImageProjection)
        made = encoder.config.projection_dim if whole else encoder.config.hidden_size
        if made != taken.width or not (whole or taken.tokens):
            raise InputError(
                f"The pipeline's image encoder gives {made} numbers, which this IP-Adapter does not read ({type(projection).__name__} of "
                f"{taken.width}): load the encoder that belongs to it, or give ip_adapter_image_embeds= (face embeddings, for FaceID)."
            )

    def _check_pixels(self, images: Any) -> None:
        """Whether a tensor is what the image encoder takes."""
        side = self._pipe.image_encoder.config.image_size
        if isinstance(images, Tensor) and (images.shape[1:] != (3, side, side) or not torch.isfinite(images).all()):
            raise InputError(
                f"ip_adapter_image: a tensor of shape {tuple(images.shape)}; a tensor holds finite normalised pixels of shape "
                f"(n, 3, {side}, {side}), as the image encoder takes them. Give images, paths or arrays otherwise."
            )

    @torch.no_grad()
    def encode(self, prompt: ImagePrompt, guided: bool) -> ImageEmbeds:
        """The embeddings of an image prompt, as diffusers' pipelines prepare them. Raises what ``check`` raises."""
        self.check(prompt, guided)  # the adapters may have changed since the arguments were checked
        if not self.projections:
            return ImageEmbeds()
        device = self._pipe._execution_device
        if prompt.ip_adapter_image is None:
            both = [_with_negative(each) for each in prompt.ip_adapter_image_embeds or ()]
        else:
            both = self._pipe.prepare_ip_adapter_image_embeds(prompt.ip_adapter_image, None, device, 1, True)
        halves = [each.to(device, self._unet.dtype).chunk(2) for each in both]
        return ImageEmbeds(tuple(positive for _, positive in halves), tuple(negative for negative, _ in halves))

    def recipe(self) -> Mapping[str, Any] | None:
        """What images are drawn with, for their metadata: the projections by content, and the scales; None without adapters."""
        projections, scales = self.projections, self.scales
        if not projections:
            return None
        first = next(iter(scales.values()), [])
        equal = all(each == first for each in scales.values())
        return {"projections": [self._fingerprint(each) for each in projections], "scale": first if equal else scales}


def _check_embeds(embeds: Tensor, taken: _Input, guided: bool) -> None:
    expected = f"(2, n, {taken.shape})"
    if not taken.takes(embeds) or len(embeds) not in (1, 2) or not embeds.shape[1] or not torch.isfinite(embeds).all():
        raise InputError(
            f"ip_adapter_image_embeds of shape {tuple(embeds.shape)}: expected finite numbers of shape {expected}."
        )
    if guided and len(embeds) == 1:
        raise InputError(
            f"ip_adapter_image_embeds of shape {tuple(embeds.shape)}: with guidance the unconditional row needs its own, {expected}, for "
            "instance torch.cat([torch.zeros_like(embeds), embeds])."
        )


def _with_negative(embeds: Tensor) -> Tensor:
    """(2, n, ...): zeros where no negative ones are given, as an image encoder's are."""
    return embeds if len(embeds) == 2 else torch.cat([torch.zeros_like(embeds), embeds])
