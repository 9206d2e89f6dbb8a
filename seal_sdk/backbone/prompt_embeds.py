"""Prompts that the caller has encoded: embeddings in place of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.errors import InputError


@dataclass(frozen=True, eq=False)
class PromptEmbeds:
    """Embeddings, with diffusers' names: (B, T, D), and (B, P) of the pooled ones. None: encoded from words."""

    prompt_embeds: Tensor | None = None
    pooled_prompt_embeds: Tensor | None = None
    negative_prompt_embeds: Tensor | None = None
    negative_pooled_prompt_embeds: Tensor | None = None

    @classmethod
    def of(cls, conditioning: Conditioning) -> PromptEmbeds:
        """Those of a prompt that is encoded already."""
        return cls(conditioning.embeds, conditioning.added.get("text_embeds"))

    @property
    def given(self) -> Mapping[str, Tensor]:
        """Name -> tensor of those that there are."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def split(self) -> list[PromptEmbeds] | None:
        """One per image; None where there are none. Raises InputError for what are not tensors of one length."""
        given = self.given
        if not given:
            return None
        for name, value in given.items():
            if not isinstance(value, Tensor) or value.ndim != (2 if "pooled" in name else 3):
                raise InputError(f"{name}: expected a tensor of shape {'(B, P)' if 'pooled' in name else '(B, T, D)'}.")
        lengths = {name: len(value) for name, value in given.items()}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            raise InputError(f"Embeddings of one batch must have the same length and not be empty, got {lengths}.")
        (length,) = set(lengths.values())
        return [PromptEmbeds(**{name: value[n : n + 1] for name, value in given.items()}) for n in range(length)]

    def check(self, width: int, pooled_width: int | None) -> None:
        """Raise InputError for embeddings that do not fit the model. pooled_width: None where it takes no pooled ones."""
        self._check_pairs(pooled_width is not None)
        for name, value in self.given.items():
            expected = pooled_width if "pooled" in name else width
            if value.shape[-1] != expected or not torch.isfinite(value).all():
                raise InputError(
                    f"{name} of shape {tuple(value.shape)}: expected finite numbers, {expected} of them in the last dimension."
                )
        prompt, negative = self.prompt_embeds, self.negative_prompt_embeds
        if prompt is not None and negative is not None and prompt.shape != negative.shape:
            raise InputError(
                f"prompt_embeds and negative_prompt_embeds must have one shape, got {tuple(prompt.shape)} and {tuple(negative.shape)}."
            )

    def _check_pairs(self, takes_pooled: bool) -> None:
        given = self.given
        for name in ("prompt_embeds", "negative_prompt_embeds"):
            pooled = name.replace("prompt_embeds", "pooled_prompt_embeds")
            if not takes_pooled and pooled in given:
                raise InputError(f"{pooled}: this model has no pooled embedding; leave it out.")
            if takes_pooled and (name in given) != (pooled in given):
                raise InputError(f"{name} and {pooled} go together: give both, of the same text encoders, or none.")


NO_EMBEDS = PromptEmbeds()
