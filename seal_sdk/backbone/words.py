"""Whether a pipeline can read words: people leave text encoders out, to save memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seal_sdk.errors import UnsupportedModel


@dataclass(frozen=True, eq=False)
class Words:
    """How a pipeline reads words.

    encoders: the names of its text encoders. width: of the embeddings that the model takes; SDXL's refiner needs the second encoder alone.
    """

    pipe: Any
    encoders: Sequence[str]
    width: int

    def check(self) -> None:
        """Raise UnsupportedModel where text encoders or tokenizers are missing that words need."""
        pairs = [(encoder, encoder.replace("text_encoder", "tokenizer")) for encoder in self.encoders]
        missing = [name for pair in pairs for name in pair if getattr(self.pipe, name, None) is None]
        whole = [pair[0] for pair in pairs if not {*pair} & {*missing}]
        if missing and self.width != sum(getattr(self.pipe, name).config.hidden_size for name in whole):
            raise UnsupportedModel(
                f"This pipeline has no {', '.join(missing)}, so that it cannot read words, which references always come with. Load the "
                f"pipeline with them, or add them: pipe.register_modules({missing[0]}=...). Without them and without an identity, "
                "generate() draws from prompt_embeds, negative_prompt_embeds and, with Stable Diffusion XL, the pooled ones."
            )

    @property
    def zeros_empty_negative(self) -> bool:
        """Whether no negative prompt is zeros (as SDXL's configuration says) instead of the embedding of no words."""
        return bool(self.pipe.config.get("force_zeros_for_empty_prompt"))
