"""What diffusers' pipelines take beside prompt and negative prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from seal_sdk.backbone.prompt_embeds import NO_EMBEDS, PromptEmbeds
from seal_sdk.errors import InputError

Pair = tuple[int, int]
Ids = tuple[float, ...]
SCORES = ("aesthetic_score", "negative_aesthetic_score")


@dataclass(frozen=True)
class SizeIds:
    """SDXL's micro-conditioning (Podell et al., 2023, section 2.2), with diffusers' names: pairs of integers, in pixels.

    original_size, target_size: (height, width); None: those of the image to draw. crops_coords_top_left: (top, left).
    The negative ones are for the unconditional row, and count where both sizes are given; else that row has the others. Beside a picture
    each size counts by itself, and the negative crop only in models of aesthetic scores, as in diffusers' pipelines.
    aesthetic_score, negative_aesthetic_score: instead of target sizes, for models that take them (SDXL's refiner).
    Raises InputError for anything but pairs of integers that are not negative, and scores that are no numbers.
    """

    original_size: Pair | None = None
    crops_coords_top_left: Pair = (0, 0)
    target_size: Pair | None = None
    negative_original_size: Pair | None = None
    negative_crops_coords_top_left: Pair = (0, 0)
    negative_target_size: Pair | None = None
    aesthetic_score: float = 6.0
    negative_aesthetic_score: float = 2.5

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in SCORES:
                _check_score(each.name, value)
            elif value is not None or each.default is not None:
                object.__setattr__(self, each.name, _pair(each.name, value))

    def conditional(self, size: Pair, scored: bool = False) -> Ids:
        """The six ids of an image of (height, width); scored: the five with an aesthetic score."""
        last = (self.aesthetic_score,) if scored else self.target_size or size
        return (*(self.original_size or size), *self.crops_coords_top_left, *last)

    def unconditional(self, size: Pair, scored: bool = False, has_picture: bool = False) -> Ids:
        """Those of the unconditional row."""
        original, target = self.negative_original_size, self.negative_target_size
        if scored:
            first = original or self.original_size or size
            return (*first, *self.negative_crops_coords_top_left, self.negative_aesthetic_score)
        if has_picture:
            first, last = original or self.original_size or size, target or self.target_size or size
            return (*first, *self.crops_coords_top_left, *last)
        if original is None or target is None:
            return self.conditional(size)
        return (*original, *self.negative_crops_coords_top_left, *target)

    @property
    def given(self) -> dict[str, Any]:
        """Name -> value of those that are not the default."""
        defaults = asdict(SizeIds())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}


def _pair(name: str, value: Any) -> Pair:
    if not isinstance(value, Sequence) or len(value) != 2 or any(type(each) is not int or each < 0 for each in value):
        raise InputError(f"{name}={value!r}: expected two integers that are not negative, in pixels.")
    return value[0], value[1]


def _check_score(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"{name}={value!r}: expected a number, such as 6.0.")


OWN_SIZE = SizeIds()
"""Of an uncropped image."""


@dataclass(frozen=True)
class PromptOptions:
    """What an image's prompts are encoded with.

    prompt_2, negative_prompt_2: for the second text encoder; None: as for the first. embeds: of one image, instead of encoding words.
    lora_scale: of the text encoders' LoRAs; None leaves it as it is.
    has_picture: whether the image is drawn from a picture.
    """

    prompt_2: str | None = None
    negative_prompt_2: str | None = None
    size_ids: SizeIds = OWN_SIZE
    embeds: PromptEmbeds = NO_EMBEDS
    lora_scale: float | None = None
    has_picture: bool = False

    def with_suffix(self, text: str) -> PromptOptions:
        """With words added to the second prompt, if there is one."""
        return self if not self.prompt_2 else replace(self, prompt_2=f"{self.prompt_2}, {text}")

    def for_other_prompt(self) -> PromptOptions:
        """What another prompt of the same image is encoded with."""
        return PromptOptions(size_ids=self.size_ids)


NO_OPTIONS = PromptOptions()
