"""Reference-guided Appearance Infusion inside the UNet: reads each layer's query and blends its attention output before ``to_out``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.backbone.step import (
    APPEARANCE,
    GENERATION,
    UNCOND,
    Correspondence,
    Forward,
    LayerInfusion,
    Stage,
    TokenMatches,
)
from seal_sdk.config import Appearance
from seal_sdk.method.infusion import infuse, match
from seal_sdk.method.targets import subject_wins

ROWS = {"all": (UNCOND, GENERATION, APPEARANCE), "cond": (GENERATION, APPEARANCE)}


def install_infusion(hooks: Hooks, layers: Sequence[SelfAttentionLayer], stage: Stage, appearance: Appearance) -> None:
    """Register the infusion on the layers; it acts in forwards whose ``infusion`` names them."""
    for layer in layers:
        _install(hooks, layer, stage, appearance)


def _install(hooks: Hooks, layer: SelfAttentionLayer, stage: Stage, appearance: Appearance) -> None:
    seen: list[Tensor] = []

    def keep_query(query: Tensor) -> None:
        if stage.forward is not None and layer.name in stage.forward.infusion:
            seen[:] = [query]

    def blend(base: Tensor) -> Tensor | None:
        if not seen:
            return None
        assert stage.forward is not None
        return _blend(stage.forward, layer, base, seen.pop(), appearance)

    hooks.after(layer.module.to_q, keep_query)
    hooks.before(layer.module.to_out[0], blend)


def _blend(forward: Forward, layer: SelfAttentionLayer, base: Tensor, query: Tensor, appearance: Appearance) -> Tensor:
    for role, given in enumerate(forward.infusion[layer.name]):  # their targets have nothing in common
        base = _blend_one(forward, layer, base, query, appearance, role, given)
    return base


def _blend_one(
    forward: Forward,
    layer: SelfAttentionLayer,
    base: Tensor,
    query: Tensor,
    appearance: Appearance,
    role: int,
    given: LayerInfusion,
) -> Tensor:
    rows = forward.indices(*ROWS[appearance.rows])
    key, value = given.key, given.value
    targets = given.targets
    if given.sources is not None:
        if targets is None:
            generation = forward.indices(GENERATION, APPEARANCE)[0]
            targets = subject_wins(query[generation], key, given.sources)
        key, value = key[given.sources], value[given.sources]
    candidates = None if targets is None else torch.nonzero(targets).squeeze(1)
    blended, coverage = infuse(
        base,
        query,
        key,
        value,
        heads=layer.heads,
        tau=forward.tau,
        delta=forward.delta,
        top_k=appearance.top_k or len(key),
        targets=candidates,
        rows=rows,
        per_head=appearance.per_head,
        on_match=_watcher(forward, layer.name, role, given, query.shape[1], candidates),
    )
    forward.coverage.append(coverage)
    return blended


def _watcher(
    forward: Forward, layer: str, role: int, given: LayerInfusion, tokens: int, candidates: Tensor | None
) -> Callable[[int, int, Tensor], None] | None:
    """Keeps what is asked for of the similarities in the row that makes the image."""
    if forward.matches is None and not forward.detail:
        return None
    device = given.key.device
    targets = torch.arange(tokens, device=device) if candidates is None else candidates
    sources = torch.arange(given.tokens, device=device) if given.positions is None else given.positions
    sources = sources if given.sources is None else sources[given.sources]
    (shown,) = forward.indices(GENERATION)[:1] or forward.indices(APPEARANCE)

    def watch(row: int, head: int, similarity: Tensor) -> None:
        if row != shown:
            return
        if forward.matches is not None:
            best, index = match(similarity, 1)
            forward.matches.append(
                TokenMatches(layer, targets, sources[index[:, 0]], best[:, 0], tokens, given.tokens, role)
            )
        if forward.detail:
            every = similarity.new_zeros(tokens, len(sources)).index_copy(0, targets, similarity)
            layers = similarity.new_zeros(tokens).index_fill(0, targets, 1.0)
            _correspond(forward, role, Correspondence(every, layers, sources, given.tokens))

    return watch


def _correspond(forward: Forward, role: int, found: Correspondence) -> None:
    """Adds one layer's similarities to those of the finest grid."""
    known = forward.correspondences.get(role)
    if known is None or found.tokens > known.tokens:
        forward.correspondences[role] = found
    elif found.tokens == known.tokens:
        forward.correspondences[role] = known + found
