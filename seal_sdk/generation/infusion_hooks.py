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
from seal_sdk.generation.match_recorder import MatchRecorder
from seal_sdk.method.infusion import InfusionSettings, ReferenceTokens, infuse, subject_targets

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
        tokens, appearance = _subject_tokens(given).to(own.query.dtype), self.appearance
        targets = _targets(forward, own, given)
        recorder = MatchRecorder(forward, self.layer.name, number, given, targets)
        blended, coverage = infuse(
            base,
            own.query,
            tokens,
            InfusionSettings(self.layer.heads, forward.tau, forward.delta, appearance.top_k, appearance.per_head),
            rows=forward.indices(*ROWS[appearance.rows]),
            targets=targets,
            on_match=recorder.listener(own, tokens),
        )
        forward.coverage.append(coverage)
        return blended


def _subject_tokens(given: LayerInfusion) -> ReferenceTokens:
    """The tokens that are matched: the reference's subject, or all."""
    if given.sources is None:
        return ReferenceTokens(given.key, given.value, given.retention)
    retention = None if given.retention is None else given.retention[given.sources]
    return ReferenceTokens(given.key[given.sources], given.value[given.sources], retention)


def _targets(forward: Forward, own: Projections, given: LayerInfusion) -> Tensor | None:
    """(Nt,) the image's tokens that may be infused, None for all: known, or those that look like the reference's subject."""
    targets = given.targets
    if given.sources is not None and targets is None:
        targets = subject_targets(own.query[forward.image_row], given.key, given.sources)
    if given.bounds is not None:
        targets = given.bounds if targets is None else targets & given.bounds
    return None if targets is None else torch.nonzero(targets).squeeze(1)
