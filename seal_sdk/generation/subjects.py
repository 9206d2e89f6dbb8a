"""A subject in the denoising loop: the K/V and the latents of its references, and where it may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.backbone.base import KeyValue
from seal_sdk.generation.forward import Grid, LayerInfusion
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents

KeyValues = Callable[[float], Mapping[str, KeyValue]]
"""Timestep -> layer name -> (K, V), each (stored tokens, channels), on the model's device and in its dtype."""

LayerTokens = Mapping[str, Tensor] | None
"""Layer name -> something of each token, or None."""


@dataclass(frozen=True, eq=False)
class SubjectInfusion:
    """A subject in the denoising loop.

    name: of its identity. reference: its latents, as the prompt would have them. grids: layer name -> (rows, columns) of the
    reference's tokens. positions: which of them are stored, None for all. sources, targets: bool masks of the subject among the
    reference's stored and the image's tokens; None: no gating, nobody knows. bounds: bool masks of the image's tokens outside of which
    the subject cannot be; None: it can be anywhere. retention: (stored tokens,) in [0, 1], how much of each
    one's look the prompt leaves; None: all of it.
    """

    name: str
    key_values: KeyValues
    reference: ReferenceLatents
    grids: Mapping[str, Grid]
    positions: LayerTokens = None
    sources: LayerTokens = None
    targets: LayerTokens = None
    bounds: LayerTokens = None
    retention: LayerTokens = None

    def layer(self, name: str, key_value: KeyValue) -> LayerInfusion:
        """What one layer takes at one step."""
        parts = (self.positions, self.sources, self.targets, self.bounds, self.retention)
        return LayerInfusion(*key_value, self.grids[name], *(None if each is None else each[name] for each in parts))


def merge_references(references: Sequence[SubjectInfusion]) -> SubjectInfusion:
    """Several references of one subject as one (ours): one below the other, the narrower ones with nothing beside them."""
    if len(references) == 1:
        return references[0]
    first = references[0]

    def key_values(timestep: float) -> dict[str, KeyValue]:
        read = [each.key_values(timestep) for each in references]
        return {
            name: (torch.cat([each[name][0] for each in read]), torch.cat([each[name][1] for each in read]))
            for name in read[0]
        }

    return replace(
        first,
        key_values=key_values,
        reference=_merge_latents([each.reference for each in references]),
        grids={name: _merge_grids([each.grids[name] for each in references]) for name in first.grids},
        positions={name: _merge_positions(references, name) for name in first.grids},
        sources=_concatenate([each.sources for each in references], first.grids),
        retention=_merge_retention(references),
    )


def _merge_latents(references: Sequence[ReferenceLatents]) -> ReferenceLatents:
    width = max(each.latents.shape[-1] for each in references)

    def below(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([F.pad(each, (0, width - each.shape[-1])) for each in parts], dim=-2)

    return replace(
        references[0],
        latents=below([each.latents for each in references]),
        subject=below([each.subject for each in references]),
        heights=tuple(each.latents.shape[-2] for each in references),
        strides=tuple(stride for each in references for stride in each.strides),
        redrawn=_merge_redrawn(references, below),
    )


def _merge_redrawn(
    references: Sequence[ReferenceLatents], below: Callable[[Sequence[Tensor]], Tensor]
) -> Tensor | None:
    if all(each.redrawn is None for each in references):
        return None
    return below([torch.zeros_like(each.subject) if each.redrawn is None else each.redrawn for each in references])


def _merge_grids(grids: Sequence[Grid]) -> Grid:
    """The sides of references are whole tokens on every grid, so grids add up."""
    return sum(rows for rows, _ in grids), max(columns for _, columns in grids)


def _merge_positions(references: Sequence[SubjectInfusion], layer: str) -> Tensor:
    """(Nk,): where the stored tokens are in the grid of all references."""
    _, columns = _merge_grids([each.grids[layer] for each in references])
    top, found = 0, []
    for each in references:
        rows, width = each.grids[layer]
        every = torch.arange(rows * width, device=each.reference.latents.device)
        stored = every if each.positions is None else each.positions[layer]
        found.append((top + stored // width) * columns + stored % width)
        top += rows
    return torch.cat(found)


def _merge_retention(references: Sequence[SubjectInfusion]) -> LayerTokens:
    """1 for the references that the prompt leaves as they are; None where it leaves all."""
    if all(each.retention is None for each in references):
        return None
    return _concatenate([each.retention or _unedited(each) for each in references], references[0].grids)


def _unedited(reference: SubjectInfusion) -> dict[str, Tensor]:
    """Layer name -> a retention of 1 for each stored token."""
    counts = {name: rows * columns for name, (rows, columns) in reference.grids.items()}
    if reference.positions is not None:
        counts = {name: len(stored) for name, stored in reference.positions.items()}
    return {name: reference.reference.latents.new_ones(count) for name, count in counts.items()}


def _concatenate(parts: Sequence[LayerTokens], layers: Mapping[str, Grid]) -> LayerTokens:
    """Layer by layer; None where no part is known. Either all are, or none is."""
    known = [each for each in parts if each is not None]
    return {name: torch.cat([each[name] for each in known]) for name in layers} if known else None
