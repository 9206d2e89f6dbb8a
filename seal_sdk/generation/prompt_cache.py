"""What is remembered from call to call beside K/V: encoded prompts, and references edited as prompts say. Both bounded in bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.generation.prompt_edits import EditedReference
from seal_sdk.kv_cache.cache import BoundedCache

BUDGET = 2**25  # bytes of each, where the model runs: a hundred of SDXL's prompts, or of its references of 1024 px


def _prompt_size(prompt: Conditioning) -> int:
    return _size(prompt.embeds, *prompt.added.values(), *prompt.image_embeds)


def _reference_size(reference: EditedReference) -> int:
    return _size(reference.latents, reference.mask, reference.redrawn)


def _size(*tensors: Tensor | None) -> int:
    return sum(each.nbytes for each in tensors if each is not None)


@dataclass(frozen=True, eq=False)
class PromptCache:
    """Of one session. Keys hold all that decides a value (`Call.state`). Threads may share it."""

    prompts: BoundedCache[Conditioning] = field(default_factory=lambda: BoundedCache(BUDGET, _prompt_size))
    references: BoundedCache[EditedReference] = field(default_factory=lambda: BoundedCache(BUDGET, _reference_size))

    def clear(self) -> None:
        """Forget everything."""
        self.prompts.clear()
        self.references.clear()
