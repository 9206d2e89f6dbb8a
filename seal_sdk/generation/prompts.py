"""Prompts as the model reads them: each is encoded once, and remembered for as long as what encodes it stays the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace

import torch

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.prompt_embeds import PromptEmbeds
from seal_sdk.backbone.prompt_options import NO_OPTIONS, Pair, PromptOptions
from seal_sdk.generation.call import Call


def encode_prompt(call: Call, prompt: str | None, size: Pair, options: PromptOptions = NO_OPTIONS) -> Conditioning:
    """Conditioning of one prompt for an image of (height, width) pixels. prompt: None where the options have its embeddings."""
    clip_skip = call.settings.sampling.clip_skip

    def encode() -> Conditioning:
        return call.backbone.encode_prompt(prompt, size, clip_skip=clip_skip, options=options)

    return _remembered(call, ("prompt", prompt, size, clip_skip), options, encode)


def encode_pair(
    call: Call, prompt: str | None, negative_prompt: str | None, size: Pair, options: PromptOptions
) -> tuple[Conditioning, Conditioning]:
    """(unconditional, conditional), as diffusers' pipelines prepare them; each is remembered by itself."""
    clip_skip = call.settings.sampling.clip_skip

    def encode_both(given: PromptOptions) -> tuple[Conditioning, Conditioning]:
        return call.backbone.encode_prompt_pair(prompt, negative_prompt, size, clip_skip=clip_skip, options=given)

    if options.embeds.given:
        with torch.no_grad():
            return encode_both(options)
    conditional = encode_prompt(call, prompt, size, options)
    # diffusers takes the embeddings of the prompt as they are, and encodes the negative one alone, as long as they are
    known = replace(options, embeds=PromptEmbeds.of(conditional))
    key = ("negative", negative_prompt, size, clip_skip, conditional.embeds.shape)
    return _remembered(call, key, replace(options, prompt_2=None), lambda: encode_both(known)[0]), conditional


def _remembered(
    call: Call, key: tuple[Hashable, ...], options: PromptOptions, encode: Callable[[], Conditioning]
) -> Conditioning:
    """What the caller has encoded is not kept: tensors may change in place."""
    with torch.no_grad():
        if options.embeds.given:
            return encode()
        return call.input_cache.prompts.get_or_make((call.state, *key, options), encode)
