"""T2I-Adapters (Mou et al., AAAI 2024, arXiv 2302.08453), called as diffusers' pipelines call them, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control.arguments import CONTROLNET, ControlArguments, check_count
from seal_sdk.backbone.control.base import ControlPixels, ControlStep, Host, for_rows
from seal_sdk.backbone.control.fit import check_placement
from seal_sdk.errors import ConfigError, SizeError

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class T2IAdapters:
    """One T2I-Adapter or several, whose features are added up.

    module: diffusers', which is called. nets: those in it. host: beside which they work.
    """

    module: nn.Module
    nets: tuple[Any, ...]
    host: Host

    def check_fit(self) -> None:
        """Raise ConfigError where an adapter is elsewhere or in another precision."""
        check_placement(self.module, self.nets, self.host)

    def check(self, arguments: ControlArguments, images: int) -> None:
        """Raise InputError for what is not an adapter's, or does not fit the number of images: one for each adapter."""
        arguments.refuse(
            CONTROLNET,
            "only a ControlNet has these; of a T2I-Adapter use adapter_conditioning_scale and adapter_conditioning_factor.",
        )
        check_count(images, len(self.nets), "T2I-Adapter")
        arguments.per_image("adapter_conditioning_scale", images, 1.0)

    @torch.no_grad()
    def prepare(self, images: Sequence[ControlPixels], arguments: ControlArguments, scale: float) -> AdapterFeatures:
        """The features of the images. Raises SizeError or ConfigError where they do not fit the UNet's."""
        height, width = _size(images[0])
        if any(side % each.downscale_factor for side in (width, height) for each in self.nets):
            raise SizeError(
                f"height={height}, width={width}: this T2I-Adapter takes multiples of {self.nets[0].downscale_factor}."
            )
        dtype = self.nets[0].dtype
        pixels = [
            _pixels(image, net.config["in_channels"]).to(self.host.device, dtype)
            for image, net in zip(images, self.nets, strict=True)
        ]
        scales = [float(each) for each in arguments.per_image("adapter_conditioning_scale", len(images), scale)]
        features = self._features(pixels, scales)
        self._check_features(features, (width, height))
        factor = arguments.adapter_conditioning_factor
        return AdapterFeatures(features, 1.0 if factor is None else factor)

    def _features(self, pixels: list[Tensor], scales: list[float]) -> list[Tensor]:
        """(1, C, h, w) per block: those of each adapter times its scale, added up."""
        if len(self.nets) > 1:
            summed: list[Tensor] = self.module(pixels, scales)
            return summed
        return [each * scales[0] for each in self.module(pixels[0])]

    def _check_features(self, features: Sequence[Tensor], size: tuple[int, int]) -> None:
        """Raise ConfigError unless each of the UNet's blocks gets features of its own channels and size."""
        given = [tuple(each.shape[1:]) for each in features]
        wanted = list(self._places(size))
        if given[: len(wanted)] != wanted[: len(given)]:
            raise ConfigError(
                f"controlnet= is a T2I-Adapter for another model: its features have (channels, height, width) {given}, and this UNet takes "
                f"{wanted}. Give one that was trained for the session's model."
            )

    def _places(self, size: tuple[int, int]) -> Iterator[Shape]:
        """(channels, height, width) of what each down block takes: with cross-attention before it shrinks the latents, else after."""
        width, height = (side // self.host.pixels_per_latent for side in size)
        for block in self.host.unet.down_blocks:
            smaller = (-(-height // 2), -(-width // 2)) if block.downsamplers else (height, width)
            inside = getattr(block, "has_cross_attention", False)
            yield (block.resnets[-1].out_channels, *((height, width) if inside else smaller))
            height, width = smaller


def _size(image: ControlPixels) -> tuple[int, int]:
    """(height, width)."""
    return (image.shape[-2], image.shape[-1]) if isinstance(image, Tensor) else (image.height, image.width)


def _pixels(image: ControlPixels, channels: int) -> Tensor:
    """(1, channels, H, W), of a picture in [0, 1]; grey for an adapter of one channel."""
    if isinstance(image, Tensor):
        return image if channels == 3 else image.mean(1, keepdim=True)
    array = np.asarray(image.convert("L" if channels == 1 else "RGB"), dtype=np.float32) / 255.0
    return torch.from_numpy(array.reshape(1, image.height, image.width, channels).transpose(0, 3, 1, 2))


@dataclass(frozen=True, eq=False)
class AdapterFeatures:
    """The features of one picture's structure images, (1, C, h, w) per block of the UNet, weighed and added up.

    Those of several pictures are packed as (R, C, h, w), with one for each row of the batch.

    factor: share of ``num_inference_steps`` in which they are added.
    """

    features: list[Tensor]
    factor: float

    @property
    def images(self) -> int:
        """One: all of a picture's are added up."""
        return 1

    def pack(self, others: Sequence[AdapterFeatures], rows: Sequence[int]) -> AdapterFeatures:
        """Those of several pictures of one call, which have so many rows each."""
        blocks = zip(*(each.features for each in (self, *others)), strict=True)
        return replace(self, features=[for_rows(block, rows) for block in blocks])

    def residuals(
        self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning, step: ControlStep
    ) -> dict[str, Any]:
        """What is added inside the UNet's down blocks, the same in all rows."""
        if step.index >= int(step.num_inference_steps * self.factor):
            return {}
        rows = len(noisy)
        return {"down_intrablock_additional_residuals": [each.expand(rows, -1, -1, -1) for each in self.features]}
