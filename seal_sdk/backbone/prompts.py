"""What text encoders do not read of a prompt."""

from __future__ import annotations

import warnings

from transformers import PreTrainedTokenizerBase

from seal_sdk.backbone.conditioning import PromptTruncated


def warn_if_truncated(tokenizer: PreTrainedTokenizerBase, prompt: str) -> None:
    """Warn with PromptTruncated, naming what is cut, when the prompt has more tokens than the tokenizer keeps (CLIP: 77)."""
    limit = tokenizer.model_max_length
    ids = tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(ids) > limit:
        cut = str(tokenizer.decode(ids[limit - 1 : -1])).strip()
        warnings.warn(
            f"The prompt has {len(ids)} tokens and the text encoders read {limit}; ignored: {cut!r}",
            PromptTruncated,
            stacklevel=4,
        )
