"""How a pipeline reads words, and whether it can: people leave text encoders out, to save memory."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from seal_sdk.errors import InputError, UnsupportedModel


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

    def check_clip_skip(self, clip_skip: int, unread: int) -> None:
        """Raise InputError unless this many of the encoders' last layers can be skipped, beside those never read."""
        encoders = [getattr(self.pipe, name, None) for name in self.encoders]
        most = min((each.config.num_hidden_layers - unread for each in encoders if each is not None), default=0)
        if type(clip_skip) is not int or not 0 <= clip_skip <= most:
            raise InputError(f"clip_skip={clip_skip!r}: expected an integer from 0 to {most}, or None.")

    def token_counts(self, words: Sequence[str]) -> list[int]:
        """How many tokens each word has; a prompt's tokens are those of its words, after one that begins it."""
        tokenizer = self.pipe.tokenizer or self.pipe.tokenizer_2
        # Textual inversions may be several tokens.
        whole = [self.pipe.maybe_convert_prompt(word, tokenizer) for word in words]
        return [len(tokenizer(word, add_special_tokens=False).input_ids) for word in whole]

    @property
    def reading(self) -> tuple[Hashable, ...]:
        """All but the encoders' weights that decides what becomes of a text: tokenizers, and how attention is computed.

        Textual inversions make a tokenizer longer. It holds the tokenizers themselves, so that no other takes their place unnoticed.
        """
        tokenizers, encoders = (
            [getattr(self.pipe, name.replace("text_encoder", part), None) for name in self.encoders]
            for part in ("tokenizer", "text_encoder")
        )
        known = [each for each in tokenizers if each is not None]
        return (
            self.zeros_empty_negative,
            *((each, len(each), each.model_max_length) for each in known),
            *(getattr(each.config, "_attn_implementation", None) for each in encoders if each is not None),
        )

    @property
    def zeros_empty_negative(self) -> bool:
        """Whether no negative prompt is zeros (as SDXL's configuration says) instead of the embedding of no words."""
        return bool(self.pipe.config.get("force_zeros_for_empty_prompt"))
