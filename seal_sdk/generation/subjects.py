"""The references of a subject: their K/V and latents, and several of them as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.backbone.base import KeyValue
from seal_sdk.generation.forward import Grid
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents

KeyValues = Callable[[float], Mapping[str, KeyValue]]
"""Timestep -> layer name -> (K, V), each (stored tokens, channels), on the model's device and in its dtype."""

LayerTokens = Mapping[str, Tensor] | None
"""Layer name -> something of each token, or None."""


@dataclass(frozen=True, eq=False)
class SubjectReference:
    """One reference of a subject, or several as one.

    key_values: of its stored tokens. latents: as the prompt would have them. grids: layer name -> (rows, columns) of the reference's
    tokens. positions: which of them are stored, None for all. sources: bool masks of the subject among the stored tokens; None: no
    gating. retention: (stored tokens,) in [0, 1], how much of each one's look the prompt leaves; None: all of it.
    """

    key_values: KeyValues
    latents: ReferenceLatents
    grids: Mapping[str, Grid]
    positions: LayerTokens = None
    sources: LayerTokens = None
    retention: LayerTokens = None

    @property
    def places(self) -> dict[str, Tensor]:
        """Layer name -> (stored tokens,): where they are in its grid."""
        if self.positions is not None:
            return dict(self.positions)
        device, sizes = self.latents.latents.device, set(self.grids.values())
        every = {grid: torch.arange(grid[0] * grid[1], device=device) for grid in sizes}
        return {name: every[grid] for name, grid in self.grids.items()}


def merge_references(references: Sequence[SubjectReference]) -> SubjectReference:
    """Several references of one subject as one (ours): one below the other, the narrower ones with nothing beside them."""
    if len(references) == 1:
        return references[0]
    first = references[0]

    return replace(
        first,
        key_values=_merge_key_values([each.key_values for each in references]),
        latents=_merge_latents([each.latents for each in references]),
        grids={name: _merge_grids([each.grids[name] for each in references]) for name in first.grids},
        positions={name: _merge_positions(references, name) for name in first.grids},
        sources=_concatenate([each.sources for each in references], first.grids),
        retention=_merge_retention(references),
    )


def _merge_key_values(parts: Sequence[KeyValues]) -> KeyValues:
    """It gives the same object again as long as all parts do."""
    before: list[Mapping[str, KeyValue]] = []
    merged: dict[str, KeyValue] = {}

    def key_values(timestep: float) -> Mapping[str, KeyValue]:
        nonlocal before, merged
        read = [each(timestep) for each in parts]
        if len(before) != len(read) or any(new is not old for new, old in zip(read, before, strict=True)):
            merged = {
                name: (torch.cat([each[name][0] for each in read]), torch.cat([each[name][1] for each in read]))
                for name in read[0]
            }
            before = read
        return merged

    return key_values


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


def _merge_positions(references: Sequence[SubjectReference], layer: str) -> Tensor:
    """(Nk,): where the stored tokens are in the grid of all references."""
    _, columns = _merge_grids([each.grids[layer] for each in references])
    top, found = 0, []
    for each in references:
        rows, width = each.grids[layer]
        stored = each.places[layer]
        found.append((top + stored // width) * columns + stored % width)
        top += rows
    return torch.cat(found)


def _merge_retention(references: Sequence[SubjectReference]) -> LayerTokens:
    """1 for the references that the prompt leaves as they are; None where it leaves all."""
    if all(each.retention is None for each in references):
        return None
    return _concatenate([each.retention or _unedited(each) for each in references], references[0].grids)


def _unedited(reference: SubjectReference) -> dict[str, Tensor]:
    """Layer name -> a retention of 1 for each stored token."""
    counts = {name: rows * columns for name, (rows, columns) in reference.grids.items()}
    if reference.positions is not None:
        counts = {name: len(stored) for name, stored in reference.positions.items()}
    return {name: reference.latents.latents.new_ones(count) for name, count in counts.items()}


def _concatenate(parts: Sequence[LayerTokens], layers: Mapping[str, Grid]) -> LayerTokens:
    """Layer by layer; None where no part is known. Either all are, or none is."""
    known = [each for each in parts if each is not None]
    return {name: torch.cat([each[name] for each in known]) for name in layers} if known else None
