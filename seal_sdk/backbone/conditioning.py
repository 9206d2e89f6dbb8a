"""What a UNet row is conditioned on: prompt embeddings, pooled embedding and SDXL's size ids."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor


class PromptTruncated(UserWarning):
    """A prompt is longer than the text encoders read; the message names what was cut."""


@dataclass(frozen=True)
class Conditioning:
    """One UNet row's conditioning: embeds (1, T, D), pooled (1, P), time_ids (1, 6)."""

    embeds: Tensor
    pooled: Tensor
    time_ids: Tensor


def warn_if_truncated(pipe: StableDiffusionXLPipeline, prompt: str) -> None:
    """Warn with PromptTruncated when the tokenizer would cut the prompt (77 tokens for CLIP)."""
    tokenizer = pipe.tokenizer or pipe.tokenizer_2
    limit = tokenizer.model_max_length
    ids = tokenizer(prompt, truncation=False, verbose=False).input_ids
    if len(ids) > limit:
        cut = tokenizer.decode(ids[limit - 1 : -1]).strip()
        warnings.warn(
            f"The prompt has {len(ids)} tokens and the text encoders read {limit}; ignored: {cut!r}",
            PromptTruncated,
            stacklevel=3,
        )


def size_ids(size: tuple[int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """SDXL's micro-conditioning (original size, crop, target size) for an uncropped image of (height, width)."""
    return torch.tensor([[*size, 0, 0, *size]], dtype=dtype, device=device)


def encode(
    pipe: StableDiffusionXLPipeline, prompt: str, size: tuple[int, int], *, clip_skip: int | None = None
) -> Conditioning:
    """Conditioning of one prompt for an image of (height, width)."""
    embeds, _, pooled, _ = pipe.encode_prompt(
        prompt, device=pipe._execution_device, do_classifier_free_guidance=False, clip_skip=clip_skip
    )
    return Conditioning(embeds, pooled, size_ids(size, embeds.dtype, embeds.device))


def encode_pair(
    pipe: StableDiffusionXLPipeline,
    prompt: str,
    negative_prompt: str | None,
    size: tuple[int, int],
    *,
    clip_skip: int | None = None,
) -> tuple[Conditioning, Conditioning]:
    """(unconditional, conditional), exactly as ``StableDiffusionXLPipeline.__call__`` prepares them for one prompt."""
    embeds, negative, pooled, negative_pooled = pipe.encode_prompt(
        prompt,
        device=pipe._execution_device,
        do_classifier_free_guidance=True,
        negative_prompt=negative_prompt,
        clip_skip=clip_skip,
    )
    ids = size_ids(size, embeds.dtype, embeds.device)
    return Conditioning(negative, negative_pooled, ids), Conditioning(embeds, pooled, ids)


def stack(rows: Sequence[Conditioning]) -> Conditioning:
    """Several rows as one batch."""
    return Conditioning(
        torch.cat([row.embeds for row in rows]),
        torch.cat([row.pooled for row in rows]),
        torch.cat([row.time_ids for row in rows]),
    )
