"""Self-attention with the reference in it: a row's attention is computed anew from its own and the reference's Q, K, V."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.backbone.step import Stage
from seal_sdk.evaluation.baselines.baseline import ReferenceForward, reading


@dataclass(frozen=True)
class Projections:
    """One row's query, key and value, each (heads, tokens, channels of a head)."""

    query: Tensor
    key: Tensor
    value: Tensor


Attend = Callable[[SelfAttentionLayer, ReferenceForward, Projections, Projections], Tensor | None]


def install_attention(hooks: Hooks, layers: Sequence[SelfAttentionLayer], stage: Stage, attend: Attend) -> None:
    """Replace the attention of the rows that read a reference row by what ``attend(layer, forward, own, reference)``
    returns, (heads, tokens, channels of a head); None leaves it. The layers' processors stay as they are."""
    for layer in layers:
        _install(hooks, layer, stage, attend)


def _install(hooks: Hooks, layer: SelfAttentionLayer, stage: Stage, attend: Attend) -> None:
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[Tensor], None]:
        def kept(projected: Tensor) -> None:
            if reading(stage) is not None:
                seen[name] = projected

        return kept

    def replace(base: Tensor) -> Tensor | None:
        forward = reading(stage)
        if forward is None:
            return None
        query, key, value = (_split(seen.pop(name), layer.heads) for name in ("query", "key", "value"))
        changed = base.clone()
        for row, reference in (forward.pairs or {}).items():
            own, shown = (Projections(query[at], key[at], value[at]) for at in (row, reference))
            attended = attend(layer, forward, own, shown)
            if attended is not None:
                changed[row] = attended.transpose(0, 1).flatten(1)
        return changed

    hooks.after(layer.module.to_q, keep("query"))
    hooks.after(layer.module.to_k, keep("key"))
    hooks.after(layer.module.to_v, keep("value"))
    hooks.before(layer.module.to_out[0], replace)


def _split(projected: Tensor, heads: int) -> Tensor:
    """(B, tokens, channels) -> (B, heads, tokens, channels of a head)."""
    return projected.unflatten(-1, (heads, -1)).transpose(1, 2)


def statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over the tokens of (..., tokens, channels), kept as one token."""
    return features.mean(-2, keepdim=True), (features.var(-2, keepdim=True, unbiased=False) + 1e-5).sqrt()


def adain(features: Tensor, reference: Tensor) -> Tensor:
    """Features (..., tokens, channels) with the reference's statistics over its tokens (Huang and Belongie, ICCV 2017)."""
    mean, std = statistics(features)
    wanted_mean, wanted_std = statistics(reference)
    return (features - mean) / std * wanted_std + wanted_mean
