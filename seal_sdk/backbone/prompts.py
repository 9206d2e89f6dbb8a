"""What text encoders do not read of a prompt, or read otherwise than other tools."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

from transformers import PreTrainedTokenizerBase

from seal_sdk.backbone.conditioning import PromptTruncated
from seal_sdk.errors import PromptError

FOREIGN_SYNTAX = (
    (
        re.compile(r"\([^()]*(?<!\d):\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*\)"),
        "weight words in the prompt's embeddings, as compel does",
    ),
    (
        re.compile(r"\[[^\[\]|]*\|[^\[\]]*\]"),
        "mix the embeddings of several prompts, as compel does, or draw one image per prompt",
    ),
    (re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE), "load a LoRA with pipe.load_lora_weights(...)"),
)
"""What other tools' prompts may hold, and how to have the same here."""


def warn_of_foreign_syntax(prompts: Iterable[object]) -> None:
    """Warn with a UserWarning, once per prompt, of weights, alternatives and LoRAs in other tools' syntax: here they are plain words.

    What is not a string is passed over.
    """
    for prompt in dict.fromkeys(each for each in prompts if isinstance(each, str)):
        found = [(match[0], instead) for pattern, instead in FOREIGN_SYNTAX if (match := pattern.search(prompt))]
        if found:
            explained = "; ".join(f"{text!r} is read as plain words: {instead}" for text, instead in found)
            warnings.warn(f"In the prompt {prompt!r}, {explained}.", UserWarning, stacklevel=4)


def warn_if_truncated(tokenizer: PreTrainedTokenizerBase, prompt: str) -> None:
    """Warn with PromptTruncated, naming what is cut, when the prompt has more tokens than the tokenizer keeps (CLIP: 77)."""
    limit = tokenizer.model_max_length
    ids = tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(ids) > limit:
        cut = str(tokenizer.decode(ids[limit - 1 : -1])).strip()
        warnings.warn(
            f"The prompt has {len(ids)} tokens and the text encoders read {limit}; ignored: {cut!r}",
            PromptTruncated,
            stacklevel=5,
        )


def check_prompt(prompt: Any, what: str = "prompt") -> str:
    """The prompt itself. Raises PromptError unless it is a string with something in it."""
    if not isinstance(prompt, str) or not prompt.strip():
        raise PromptError(
            f"{what}={prompt!r}: expected words that say what the image shows, such as 'a photo of a cat on snow'."
        )
    return prompt
