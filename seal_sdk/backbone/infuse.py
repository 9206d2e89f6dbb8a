"""Reference-guided Appearance Infusion inside the UNet: reads each layer's query and blends its attention output before ``to_out``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.backbone.step import APPEARANCE, GENERATION, UNCOND, Forward, LayerInfusion, Stage
from seal_sdk.config import Appearance
from seal_sdk.method.infusion import infuse
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
        return _blend(stage.forward, stage.forward.infusion[layer.name], base, seen.pop(), layer.heads, appearance)

    hooks.after(layer.module.to_q, keep_query)
    hooks.before(layer.module.to_out[0], blend)


def _blend(
    forward: Forward, given: LayerInfusion, base: Tensor, query: Tensor, heads: int, appearance: Appearance
) -> Tensor:
    rows = forward.indices(*ROWS[appearance.rows])
    key, value = given.key, given.value
    targets = given.targets
    if given.sources is not None:
        if targets is None:
            generation = forward.indices(GENERATION, APPEARANCE)[0]
            targets = subject_wins(query[generation], key, given.sources)
        key, value = key[given.sources], value[given.sources]
    blended, coverage = infuse(
        base,
        query,
        key,
        value,
        heads=heads,
        tau=forward.tau,
        delta=forward.delta,
        top_k=appearance.top_k or len(key),
        targets=None if targets is None else torch.nonzero(targets).squeeze(1),
        rows=rows,
    )
    forward.coverage.append(coverage)
    return blended
