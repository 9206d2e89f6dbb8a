"""Reference-guided Appearance Infusion inside the model: blends each layer's attention output before its output projection."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seal_sdk.backbone.base import Change, Projection, SelfAttention
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.config import Appearance
from seal_sdk.generation.forward import (
    APPEARANCE,
    GENERATION,
    UNCOND,
    CurrentForward,
    Forward,
    LayerInfusion,
    Projections,
)
from seal_sdk.generation.match_recorder import MatchRecorder, Targets
from seal_sdk.method.infusion import InfusionSettings, infuse, subject_targets

ROWS = {"all": (UNCOND, GENERATION, APPEARANCE), "cond": (GENERATION, APPEARANCE)}
PROJECTIONS: tuple[Projection, ...] = ("query", "key", "value")


def install_infusion(
    hooks: Hooks, layers: Sequence[SelfAttention], current: CurrentForward, appearance: Appearance
) -> None:
    """Register the infusion on the layers; it acts in forwards whose ``infusion`` names them."""
    for layer in layers:
        _LayerHooks(layer, current, appearance).install(hooks)


class _LayerHooks:
    """The hooks of one layer: keep its projections, then blend its attention output."""

    def __init__(self, layer: SelfAttention, current: CurrentForward, appearance: Appearance) -> None:
        self.layer, self.current, self.appearance = layer, current, appearance

    def install(self, hooks: Hooks) -> None:
        for projection in PROJECTIONS:
            self.layer.after(projection, hooks, self._keeper(projection))
        self.layer.before_output(hooks, self._blend)

    def _keeper(self, projection: Projection) -> Change:
        def keep(output: Tensor) -> None:
            if any(self.layer.name in each.infusion for each in self.current.images):
                self.current.kept.setdefault(self.layer.name, {})[projection] = output

        return keep

    def _blend(self, base: Tensor) -> Tensor | None:
        kept = self.current.kept.pop(self.layer.name, None)
        if kept is None:
            return None
        parts = [self.current.split(each) for each in (base, *(kept[name] for name in PROJECTIONS))]
        return self.current.join(
            [
                self._blend_image(forward, own_base, Projections(*own))
                for forward, own_base, *own in zip(self.current.images, *parts, strict=True)
            ]
        )

    def _blend_image(self, forward: Forward, base: Tensor, own: Projections) -> Tensor:
        """One image's rows (R, N, C), blended with what its subjects give."""
        for number, given in enumerate(forward.infusion.get(self.layer.name, ())):  # their targets do not overlap
            base = self._blend_subject(forward, base, own, number, given)
        return base

    def _blend_subject(
        self, forward: Forward, base: Tensor, own: Projections, number: int, given: LayerInfusion
    ) -> Tensor:
        appearance, rows = self.appearance, forward.span(*ROWS[self.appearance.rows])
        targets = _find_targets(own.query[forward.image_row], given)
        infused = infuse(
            base,
            own.query,
            given.tokens,
            InfusionSettings(self.layer.heads, forward.tau, forward.delta, appearance.top_k, appearance.per_head),
            rows=rows,
            targets=targets.tokens,
            retention=given.retention,
        )
        forward.coverage.append(infused.coverage)
        recorder = MatchRecorder(forward, self.layer.name, number, given, targets)
        recorder.record(own, infused.of_row(forward.image_row - rows.start))
        return infused.blended


def _find_targets(query: Tensor, given: LayerInfusion) -> Targets:
    """The image's tokens that are infused. query: (N, C), of the row that makes the image."""
    if given.whole is None:
        return Targets(given.targets)
    if given.targets is not None:
        query = query.index_select(0, given.targets)
    found = subject_targets(query, given.whole.tokens.unit_key, given.whole.sources)
    taken = torch.nonzero(found).squeeze(1)
    return Targets(taken if given.targets is None else given.targets[taken], taken)
