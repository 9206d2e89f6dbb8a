"""What one image of a batch needs in the denoising loop, prepared before the first UNet row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.backbone.capture import KeyValue
from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.layers import token_grid
from seal_sdk.backbone.step import LayerInfusion
from seal_sdk.config import Appearance, DeltaBridge, Structure
from seal_sdk.method.flow import continued


@dataclass(frozen=True)
class StructureRow:
    """The structure image in the loop: clean latents and fixed noise (1, C, h, w), and its own prompt."""

    latents: Tensor
    noise: Tensor
    conditioning: Conditioning


@dataclass(frozen=True)
class Infusion:
    """An identity in the loop.

    key_values: timestep -> layer name -> (K, V), each (tokens, channels) on the model's device and dtype.
    name: of the identity. reference: its clean latents (1, C, h, w), as the prompt would have them.
    tokens: layer name -> how many tokens it has there. positions: layer name -> which of them are stored, None for all.
    sources, targets: layer name -> bool token masks of the reference's and the image's subject; None: no gating, no known target.
    kept: layer name -> (stored tokens,) in [0, 1], how much of each one's look the text leaves; None: all of it.
    subject, region: (1, 1, h, w) in [0, 1], how much of each latent of the reference and of the image belongs to the
    subject; region is None where nobody knows. heights: rows of latents of each of several references (`merged`).
    """

    name: str
    key_values: Callable[[float], Mapping[str, KeyValue]]
    reference: Tensor
    tokens: Mapping[str, int]
    positions: Mapping[str, Tensor] | None
    sources: Mapping[str, Tensor] | None
    targets: Mapping[str, Tensor] | None
    kept: Mapping[str, Tensor] | None
    subject: Tensor
    region: Tensor | None
    heights: tuple[int, ...] = ()

    @property
    def latent_size(self) -> tuple[int, int]:
        """(height, width) of the reference's latents."""
        return self.reference.shape[-2], self.reference.shape[-1]

    @cached_property
    def look(self) -> Tensor:
        """The latents that matches take: the subject's alone, where only the subject is matched.

        Where nobody knows the image's subject, its outline is the reference's, or the subject would grow step by step.
        """
        known = self.sources is not None and self.targets is not None
        return continued(self.reference, self.subject) if known else self.reference

    def numbers(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Which of several references, from 0, each of the tokens, (N,), of a grid of (rows, columns) is of."""
        rows = tokens // grid[1] * self.latent_size[0] // grid[0]
        tops = torch.tensor(self.heights, device=tokens.device, dtype=tokens.dtype).cumsum(0)
        return torch.bucketize(rows, tops, right=True)


def merged(references: Sequence[Infusion]) -> Infusion:
    """Several references of one subject as one (ours): one below the other, the narrower ones with nothing beside them."""
    if len(references) == 1:
        return references[0]
    first, width = references[0], max(each.latent_size[1] for each in references)

    def below(parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([F.pad(each, (0, width - each.shape[-1])) for each in parts], dim=-2)

    def key_values(timestep: float) -> dict[str, KeyValue]:
        read = [each.key_values(timestep) for each in references]
        return {name: tuple(map(torch.cat, zip(*(each[name] for each in read)))) for name in read[0]}  # type: ignore[misc]

    sources = [each.sources for each in references if each.sources is not None]
    kept = [each.kept for each in references if each.kept is not None]
    return replace(
        first,
        key_values=key_values,
        reference=below([each.reference for each in references]),
        subject=below([each.subject for each in references]),
        heights=tuple(each.latent_size[0] for each in references),
        tokens={name: _tokens(references, name) for name in first.tokens},
        positions={name: _below_each_other(references, name) for name in first.tokens},
        sources={name: torch.cat([each[name] for each in sources]) for name in first.tokens} if sources else None,
        kept={name: torch.cat([each[name] for each in kept]) for name in first.tokens} if kept else None,
    )


def _grid(reference: Infusion, layer: str) -> tuple[int, int]:
    return token_grid(reference.tokens[layer], reference.latent_size)


def _tokens(references: Sequence[Infusion], layer: str) -> int:
    """How many tokens the layer has for all references together: sides of references are whole tokens on every grid."""
    rows, columns = zip(*(_grid(each, layer) for each in references))
    return sum(rows) * max(columns)


def _below_each_other(references: Sequence[Infusion], layer: str) -> Tensor:
    """(Nk,): where the stored tokens are in the grid of all references."""
    grids = [_grid(each, layer) for each in references]
    columns, top, found = max(grid[1] for grid in grids), 0, []
    for each, grid in zip(references, grids, strict=True):
        every = torch.arange(each.tokens[layer], device=each.reference.device)
        stored = every if each.positions is None else each.positions[layer]
        found.append((top + stored // grid[1]) * columns + stored % grid[1])
        top += grid[0]
    return torch.cat(found)


def layer_infusion(given: Infusion, layer: str, key_value: KeyValue) -> LayerInfusion:
    """One layer's share of an infusion at one step."""
    return LayerInfusion(
        *key_value,
        given.sources and given.sources[layer],
        given.targets and given.targets[layer],
        given.positions and given.positions[layer],
        given.tokens[layer],
        given.kept and given.kept[layer],
    )


@dataclass(frozen=True)
class ImagePlan:
    """One image: its rows' conditioning and what steers it. What is None does not take part.

    subject: (1, 1, h, w) in [0, 1], how much of each latent the structure's subject covers; None: nobody knows.
    """

    generation: Conditioning
    uncond: Conditioning | None = None
    appearance: Conditioning | None = None
    structure: StructureRow | None = None
    control_image: Tensor | None = None
    infusions: tuple[Infusion, ...] = ()
    subject: Tensor | None = None


@dataclass(frozen=True)
class Method:
    """The settings that one call runs with."""

    appearance: Appearance
    delta_bridge: DeltaBridge
    structure: Structure
    guidance_rescale: float = 0.0

    @property
    def needs_subject(self) -> bool:
        """Whether something depends on where the structure image's subject is."""
        infused = self.appearance.delta > 0 and self.appearance.gating == "subject"
        return infused or (self.delta_bridge.strength > 0 and self.delta_bridge.region == "subject")
