"""ControlNets (Zhang et al., ICCV 2023, arXiv 2302.05543) and ControlNet-Union, called as diffusers' pipelines call them, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from diffusers.models.controlnets.controlnet_union import ControlNetUnionModel
from torch import Tensor, nn

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.control.arguments import ADAPTER, ControlArguments, check_count
from seal_sdk.backbone.control.base import ControlPixels, ControlStep, Host, among_rows, for_rows
from seal_sdk.backbone.control.fit import check_placement, check_residuals
from seal_sdk.errors import InputError


@dataclass(frozen=True, eq=False)
class ControlNets:
    """One ControlNet or several, or one ControlNet-Union or several.

    module: diffusers', which is called. nets: those in it. host: beside which they work.
    """

    module: nn.Module
    nets: tuple[Any, ...]
    host: Host

    @property
    def _types(self) -> tuple[int, ...]:
        """How many kinds of images each net knows; none for plain ControlNets."""
        unions = [each for each in self.nets if isinstance(getattr(each, "_orig_mod", each), ControlNetUnionModel)]
        return tuple(each.config["num_control_type"] for each in unions)

    @property
    def _is_several(self) -> bool:
        return hasattr(self.module, "nets")

    def check_fit(self) -> None:
        """Raise ConfigError where a net was made for another model, or is elsewhere or in another precision."""
        check_residuals(self.nets, self.host)
        check_placement(self.module, self.nets, self.host)

    def check(self, arguments: ControlArguments, images: int) -> None:
        """Raise InputError for what is not a ControlNet's, or does not fit the number of images.

        A single ControlNet-Union takes any number of images; else there is one for each net.
        """
        arguments.refuse(ADAPTER, "only a T2I-Adapter has these; of a ControlNet use controlnet_conditioning_scale.")
        if self._is_several or not self._types:
            check_count(images, len(self.nets), "ControlNet")
        arguments.per_image("controlnet_conditioning_scale", images, 1.0)
        arguments.ranges(images)
        if not self._types:
            arguments.refuse(("control_mode",), "only a ControlNet-Union has modes; leave it out.")
        else:
            self._modes(arguments, images)

    def _modes(self, arguments: ControlArguments, images: int) -> tuple[int, ...]:
        """The mode of each image. Raises InputError for one that its net does not have."""
        types = self._types if self._is_several else self._types * images
        if arguments.control_mode is None:
            raise InputError(
                f"A ControlNet-Union needs control_mode=: the kind of each structure image, from 0 to {types[0] - 1} (see the model's "
                "page)."
            )
        modes = tuple(int(each) for each in arguments.per_image("control_mode", images, 0))
        for mode, known in zip(modes, types, strict=True):
            if mode >= known:
                raise InputError(
                    f"control_mode={arguments.control_mode!r}: this ControlNet-Union knows 0 to {known - 1}."
                )
        return modes

    def prepare(self, images: Sequence[ControlPixels], arguments: ControlArguments, scale: float) -> ControlNetImages:
        """The images as the nets take them."""
        dtype, count = self.nets[0].dtype, len(images)
        processor = VaeImageProcessor(do_resize=False, do_convert_rgb=True, do_normalize=False)
        return ControlNetImages(
            self.module,
            # contiguous as in diffusers: another memory layout is another convolution, which rounds otherwise
            [processor.preprocess(each).to(self.host.device, dtype).contiguous() for each in images],
            tuple(map(float, arguments.per_image("controlnet_conditioning_scale", count, scale))),
            arguments.ranges(count),
            arguments.guess_mode or bool(self.nets[0].config["global_pool_conditions"]),
            _control_types(self._types, self._modes(arguments, count), self._is_several) if self._types else None,
            self._is_several,
        )


@dataclass(frozen=True, eq=False)
class ControlTypes:
    """What a ControlNet-Union is told of its images' kinds. flags: (1, kinds) per net, 1 for those that are there. modes: per net."""

    flags: list[Tensor]
    modes: list[list[int]]


def _control_types(types: Sequence[int], modes: Sequence[int], several: bool) -> ControlTypes:
    per_net = [[mode] for mode in modes] if several else [list(modes)]
    flags = [
        torch.zeros(known).scatter_(0, torch.tensor(own), 1).reshape(1, -1)
        for known, own in zip(types, per_net, strict=True)
    ]
    return ControlTypes(flags, per_net)


@dataclass(frozen=True, eq=False)
class ControlNetImages:
    """The structure images of one picture, or of several packed.

    pixels: (1, 3, H, W) in [0, 1] each; packed (R, 3, H, W), one for each row of the batch. scales, ranges: how much each weighs, and
    between which shares of the steps. guess: whether it is guess mode. types: of a ControlNet-Union. several: whether the module has
    several nets.
    """

    module: nn.Module
    pixels: list[Tensor]
    scales: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]
    guess: bool
    types: ControlTypes | None
    several: bool

    @property
    def images(self) -> int:
        """How many a picture has."""
        return len(self.pixels)

    def pack(self, others: Sequence[ControlNetImages], rows: Sequence[int]) -> ControlNetImages:
        """Those of several pictures of one call, which have so many rows each."""
        columns = zip(*(each.pixels for each in (self, *others)), strict=True)
        return replace(self, pixels=[for_rows(column, rows) for column in columns])

    def residuals(
        self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning, step: ControlStep
    ) -> dict[str, Any]:
        """What the nets add to the UNet's skip connections and middle block; in guess mode nothing in the unconditional row."""
        scales = self._scales(step)
        if not self._adds(scales):
            return {}
        rows = list(step.guessed) if self.guess else list(range(len(noisy)))
        if len(rows) < len(noisy):
            steered = replace(self, pixels=[each if len(each) == 1 else each[rows] for each in self.pixels])
            down, mid = steered._call(noisy[rows], timestep, conditioning.take(rows), scales)
            down, mid = [among_rows(each, rows, len(noisy)) for each in down], among_rows(mid, rows, len(noisy))
        else:
            down, mid = self._call(noisy, timestep, conditioning, scales)
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}

    def _scales(self, step: ControlStep) -> list[float]:
        """How much each image weighs at this step: 0 outside of its range. diffusers' formula."""
        first, last = step.index / step.timesteps, (step.index + 1) / step.timesteps
        return [
            0.0 if first < start or last > end else scale
            for scale, (start, end) in zip(self.scales, self.ranges, strict=True)
        ]

    def _adds(self, scales: Sequence[float]) -> bool:
        """Whether anything is added. A ControlNet-Union with several images weighs those, and not what it adds."""
        return any(scales) or (self.types is not None and not self.several and len(scales) > 1)

    def _call(self, noisy: Tensor, timestep: Tensor, conditioning: Conditioning, scales: list[float]) -> Any:
        return self.module(
            noisy,
            timestep,
            encoder_hidden_states=conditioning.embeds,
            guess_mode=self.guess,
            added_cond_kwargs=dict(conditioning.added) or None,
            return_dict=False,
            **self._images(len(noisy), scales, conditioning.embeds),
        )

    def _images(self, rows: int, scales: list[float], like: Tensor) -> dict[str, Any]:
        """The arguments of the module's class."""
        pixels = [each.expand(rows, -1, -1, -1) for each in self.pixels]
        if self.types is None and not self.several:
            return {"controlnet_cond": pixels[0], "conditioning_scale": scales[0]}
        if self.types is None:
            return {"controlnet_cond": pixels, "conditioning_scale": scales}
        flags, modes = [each.to(like).repeat(rows, 1) for each in self.types.flags], self.types.modes
        return {
            "controlnet_cond": [[each] for each in pixels] if self.several else pixels,
            "control_type": flags if self.several else flags[0],
            "control_type_idx": modes if self.several else modes[0],
            "conditioning_scale": scales,
        }
