"""What is remembered from call to call beside K/V: encoded prompts, references edited as prompts say, and structure images' subjects.

All are bounded in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.generation.prompt_edits import EditedReference
from seal_sdk.kv_cache.cache import BoundedCache
from seal_sdk.segmentation import Subject

BUDGET = 2**25  # bytes of each: a hundred of SDXL's prompts or references of 1024 px, or thirty masks of that size


def _prompt_size(prompt: Conditioning) -> int:
    return _size(prompt.embeds, *prompt.added.values(), *prompt.image_embeds)


def _reference_size(reference: EditedReference) -> int:
    return _size(reference.latents, reference.mask, reference.redrawn)


def _size(*tensors: Tensor | None) -> int:
    return sum(each.nbytes for each in tensors if each is not None)


def subject_cache() -> BoundedCache[Subject]:
    """Remembers nobody yet."""
    return BoundedCache(BUDGET, lambda found: found.mask.nbytes)


@dataclass(frozen=True, eq=False)
class InputCache:
    """Of one session. Keys hold all that decides a value (`Call.state`). Threads may share it."""

    prompts: BoundedCache[Conditioning] = field(default_factory=lambda: BoundedCache(BUDGET, _prompt_size))
    subjects: BoundedCache[Subject] = field(default_factory=subject_cache)
    references: BoundedCache[EditedReference] = field(default_factory=lambda: BoundedCache(BUDGET, _reference_size))

    def clear(self) -> None:
        """Forget everything."""
        for each in (self.prompts, self.subjects, self.references):
            each.clear()
