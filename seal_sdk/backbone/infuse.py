"""Reference-guided Appearance Infusion inside the UNet: blends each layer's attention output before ``to_out``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.backbone.observe import observer
from seal_sdk.backbone.step import APPEARANCE, GENERATION, UNCOND, Forward, LayerInfusion, Projections, Stage
from seal_sdk.config import Appearance
from seal_sdk.method.infusion import infuse
from seal_sdk.method.targets import subject_wins

ROWS = {"all": (UNCOND, GENERATION, APPEARANCE), "cond": (GENERATION, APPEARANCE)}


def install_infusion(hooks: Hooks, layers: Sequence[SelfAttentionLayer], stage: Stage, appearance: Appearance) -> None:
    """Register the infusion on the layers; it acts in forwards whose ``infusion`` names them."""
    for layer in layers:
        _install(hooks, layer, stage, appearance)


def _install(hooks: Hooks, layer: SelfAttentionLayer, stage: Stage, appearance: Appearance) -> None:
    seen: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[[Tensor], None]:
        def keep(output: Tensor) -> None:
            if stage.forward is not None and layer.name in stage.forward.infusion:
                seen[name] = output

        return keep

    def blend(base: Tensor) -> Tensor | None:
        if not seen:
            return None
        assert stage.forward is not None
        own = Projections(seen.pop("query"), seen.pop("key"), seen.pop("value"))
        return _blend(stage.forward, layer, base, own, appearance)

    hooks.after(layer.module.to_q, keeper("query"))
    hooks.after(layer.module.to_k, keeper("key"))
    hooks.after(layer.module.to_v, keeper("value"))
    hooks.before(layer.module.to_out[0], blend)


def _blend(
    forward: Forward, layer: SelfAttentionLayer, base: Tensor, own: Projections, appearance: Appearance
) -> Tensor:
    for role, given in enumerate(forward.infusion[layer.name]):  # their targets have nothing in common
        base = _blend_one(forward, layer, base, own, appearance, role, given)
    return base


def _blend_one(
    forward: Forward,
    layer: SelfAttentionLayer,
    base: Tensor,
    own: Projections,
    appearance: Appearance,
    role: int,
    given: LayerInfusion,
) -> Tensor:
    rows = forward.indices(*ROWS[appearance.rows])
    key, value, kept = given.key, given.value, given.kept
    targets = given.targets
    if given.sources is not None:
        if targets is None:
            generation = forward.indices(GENERATION, APPEARANCE)[0]
            targets = subject_wins(own.query[generation], key, given.sources)
        key, value = key[given.sources], value[given.sources]
        kept = None if kept is None else kept[given.sources]
    candidates = None if targets is None else torch.nonzero(targets).squeeze(1)
    blended, coverage = infuse(
        base,
        own.query,
        key,
        value,
        heads=layer.heads,
        tau=forward.tau,
        delta=forward.delta,
        top_k=appearance.top_k or len(key),
        targets=candidates,
        kept=kept,
        rows=rows,
        per_head=appearance.per_head,
        on_match=observer(forward, layer.name, role, given, own, (key, value), candidates),
    )
    forward.coverage.append(coverage)
    return blended
