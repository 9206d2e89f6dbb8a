"""What diffusers' pipelines take beside prompt and negative prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from seal_sdk.backbone.prompt_embeds import NO_EMBEDS, PromptEmbeds
from seal_sdk.errors import InputError

Pair = tuple[int, int]


@dataclass(frozen=True)
class SizeIds:
    """SDXL's micro-conditioning (Podell et al., 2023, section 2.2), with diffusers' names: pairs of integers, in pixels.

    original_size, target_size: (height, width); None: those of the image to draw. crops_coords_top_left: (top, left).
    The negative ones are for the unconditional row, and count where both sizes are given; else that row has the others.
    Raises InputError for anything but pairs of integers that are not negative.
    """

    original_size: Pair | None = None
    crops_coords_top_left: Pair = (0, 0)
    target_size: Pair | None = None
    negative_original_size: Pair | None = None
    negative_crops_coords_top_left: Pair = (0, 0)
    negative_target_size: Pair | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None or each.default is not None:
                object.__setattr__(self, each.name, _pair(each.name, value))

    def conditional(self, size: Pair) -> tuple[int, ...]:
        """The six ids of an image of (height, width)."""
        return (*(self.original_size or size), *self.crops_coords_top_left, *(self.target_size or size))

    def unconditional(self, size: Pair) -> tuple[int, ...]:
        """Those of the unconditional row."""
        original, target = self.negative_original_size, self.negative_target_size
        if original is None or target is None:
            return self.conditional(size)
        return (*original, *self.negative_crops_coords_top_left, *target)

    @property
    def given(self) -> dict[str, Pair]:
        """Name -> value of those that are not the default."""
        defaults = asdict(SizeIds())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}


def _pair(name: str, value: Any) -> Pair:
    if not isinstance(value, Sequence) or len(value) != 2 or any(type(each) is not int or each < 0 for each in value):
        raise InputError(f"{name}={value!r}: expected two integers that are not negative, in pixels.")
    return value[0], value[1]


OWN_SIZE = SizeIds()
"""Of an uncropped image."""


@dataclass(frozen=True)
class PromptOptions:
    """What an image's prompts are encoded with.

    prompt_2, negative_prompt_2: for the second text encoder; None: as for the first. embeds: of one image, instead of encoding words.
    lora_scale: of the text encoders' LoRAs; None leaves it as it is.
    """

    prompt_2: str | None = None
    negative_prompt_2: str | None = None
    size_ids: SizeIds = OWN_SIZE
    embeds: PromptEmbeds = NO_EMBEDS
    lora_scale: float | None = None

    def with_suffix(self, text: str) -> PromptOptions:
        """With words added to the second prompt, if there is one."""
        return self if not self.prompt_2 else replace(self, prompt_2=f"{self.prompt_2}, {text}")

    def for_other_prompt(self) -> PromptOptions:
        """What another prompt of the same image is encoded with."""
        return PromptOptions(size_ids=self.size_ids)


NO_OPTIONS = PromptOptions()
