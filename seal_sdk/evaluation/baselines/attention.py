"""Hooks that replace self-attention by a function of the row's and the reference's queries, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.backbone.attention import UNetSelfAttention
from seal_sdk.backbone.base import Projection
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.evaluation.baselines.baseline import ReferenceForward, reading
from seal_sdk.generation.forward import CurrentForward

PROJECTIONS: tuple[Projection, ...] = ("query", "key", "value")


@dataclass(frozen=True)
class Projections:
    """Query, key and value of one row, each (heads, tokens, head channels)."""

    query: Tensor
    key: Tensor
    value: Tensor


Attend = Callable[[UNetSelfAttention, ReferenceForward, Projections, Projections], Tensor | None]


def install_attention(
    hooks: Hooks, layers: Sequence[UNetSelfAttention], current: CurrentForward, attend: Attend
) -> None:
    """Replace the attention output of the rows that read a reference row. The layers keep their processors.

    Args:
        hooks: Registry of the hooks.
        layers: Self-attention layers.
        current: The running forward pass.
        attend: ``attend(layer, forward, own, reference)`` returns the new output (heads, tokens, head channels), or None
            to keep the original one.
    """
    for layer in layers:
        _install(hooks, layer, current, attend)


def _install(hooks: Hooks, layer: UNetSelfAttention, current: CurrentForward, attend: Attend) -> None:
    projected: dict[str, Tensor] = {}

    def record(name: str) -> Callable[[Tensor], None]:
        def hook(output: Tensor) -> None:
            if reading(current) is not None:
                projected[name] = _split(output, layer.heads)

        return hook

    def replace(base: Tensor) -> Tensor | None:
        forward = reading(current)
        return None if forward is None else _attended(layer, forward, base, projected, attend)

    for projection in PROJECTIONS:
        layer.after(projection, hooks, record(projection))
    layer.before_output(hooks, replace)


def _attended(
    layer: UNetSelfAttention, forward: ReferenceForward, base: Tensor, projected: dict[str, Tensor], attend: Attend
) -> Tensor:
    """The attention output with the rows replaced that read a reference row. It empties ``projected``."""
    query, key, value = (projected.pop(name) for name in PROJECTIONS)
    changed = base.clone()
    for row, reference in (forward.pairs or {}).items():
        own, reference_row = (Projections(query[at], key[at], value[at]) for at in (row, reference))
        attended = attend(layer, forward, own, reference_row)
        if attended is not None:
            changed[row] = attended.transpose(0, 1).flatten(1)
    return changed


def _split(projected: Tensor, heads: int) -> Tensor:
    """(B, tokens, channels) -> (B, heads, tokens, head channels)."""
    return torch.unflatten(projected, -1, (heads, -1)).transpose(1, 2)


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the tokens of (..., tokens, channels), each (..., 1, channels)."""
    return features.mean(-2, keepdim=True), (features.var(-2, keepdim=True, unbiased=False) + 1e-5).sqrt()


def adain(features: Tensor, reference: Tensor) -> Tensor:
    """Features (..., tokens, channels) with the reference's mean and standard deviation (Huang and Belongie, ICCV 2017)."""
    mean, std = statistics(features)
    wanted_mean, wanted_std = statistics(reference)
    return (features - mean) / std * wanted_std + wanted_mean
