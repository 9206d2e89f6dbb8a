"""Detail transfer inside the denoising loop: the matches of the finest infused layers move the prediction."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.layers import token_grid
from seal_sdk.backbone.step import Forward
from seal_sdk.method.detail import clean, place_latents, steer


def transfer_detail(
    forward: Forward, prediction: Tensor, noisy: Tensor, references: Sequence[Tensor], level: float, kind: str
) -> Tensor:
    """The guided prediction (1, C, h, w), moved by ``forward.detail`` towards the references' latents where tokens were
    infused; several layers' matches are averaged. noisy: the UNet's input at alpha_bar ``level``; kind: prediction type."""
    if not forward.matches or level >= 1:
        return prediction
    finest = max(each.tokens for each in forward.matches)
    size = (prediction.shape[-2], prediction.shape[-1])
    placed, count = torch.zeros_like(prediction), torch.zeros_like(prediction[:, :1])
    for each in forward.matches:
        if each.tokens == finest:
            reference, infused = references[each.role], each.similarity > forward.tau
            source_grid = token_grid(each.source_tokens, (reference.shape[-2], reference.shape[-1]))
            latents, covered = place_latents(
                reference,
                each.targets[infused],
                each.sources[infused],
                token_grid(each.tokens, size),
                source_grid,
                size,
            )
            placed, count = placed + latents, count + covered
    wanted = placed / count.clamp(min=1)
    change = forward.detail * (count > 0) * (wanted - clean(prediction, noisy, level, kind))
    return steer(prediction, change.to(prediction.dtype), level, kind)
