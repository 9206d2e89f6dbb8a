"""The forward that is running: set by the denoising loop, read by the hooks inside the model. Several images may share it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from seal_sdk.method.infusion import ReferenceTokens
from seal_sdk.method.latent_transfer.correspondence import Correspondence

UNCOND, GENERATION, APPEARANCE, STRUCTURE = "uncond", "generation", "appearance", "structure"
Grid = tuple[int, int]


@dataclass(frozen=True, eq=False)
class WholeReference:
    """All stored tokens of the reference. sources: (N,) bool, those of the subject."""

    tokens: ReferenceTokens
    sources: Tensor


@dataclass(frozen=True, eq=False)
class LayerInfusion:
    """What one layer takes from one subject at one step.

    tokens: the Nk tokens of the reference that are matched. places: (Nk,) where they are in the reference's ``grid``. targets: (Nt,) the
    image's tokens that may be infused, None for all. whole: with which those of them are found that look like the subject; None where
    nobody has to look for it. retention: (Nk,) in [0, 1], how much of each token's look the prompt leaves, None for all.
    """

    tokens: ReferenceTokens
    places: Tensor
    grid: Grid
    targets: Tensor | None = None
    whole: WholeReference | None = None
    retention: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Projections:
    """What one self-attention layer makes of the image's rows: query, key and value, (R, N, C) each."""

    query: Tensor
    key: Tensor
    value: Tensor


@dataclass(frozen=True, eq=False)
class TokenMatches:
    """One layer's matches with one subject in one forward.

    subject: its number in the image. targets, sources: (Nt,) tokens of image and reference. similarity: (Nt,) cosines.
    tokens: how many tokens the image has. source_grid: (rows, columns) of the reference.
    """

    layer: str
    subject: int
    targets: Tensor
    sources: Tensor
    similarity: Tensor
    tokens: int
    source_grid: Grid


@dataclass
class Forward:
    """One image in a forward: its rows in batch order, and what may be done to them.

    inject: share of the structure row's features that the other rows take, 0 for none. infusion: layer name -> one per subject; empty
    when nothing is infused. tau, delta, detail: this step's. coverage: collects the share of tokens infused, per layer. matches:
    collects matches for match maps, None where nobody asked. correspondences: collects, per subject and number of tokens of the grid,
    what latent transfer needs.
    """

    rows: tuple[str, ...]
    inject: float = 0.0
    infusion: dict[str, tuple[LayerInfusion, ...]] = field(default_factory=dict)
    tau: float = 0.0
    delta: float = 0.0
    detail: float = 0.0
    coverage: list[Tensor] = field(default_factory=list)
    matches: list[TokenMatches] | None = None
    correspondences: dict[int, dict[int, Correspondence]] = field(default_factory=dict)

    def indices(self, *names: str) -> list[int]:
        """Indices, among the image's rows, of the named ones that are present."""
        return [index for index, row in enumerate(self.rows) if row in names]

    def span(self, *names: str) -> slice:
        """Batch indices of the named rows that are present; they are next to each other."""
        found = self.indices(*names)
        return slice(found[0], found[-1] + 1) if found else slice(0, 0)

    @property
    def image_row(self) -> int:
        """Index, among them, of the row that makes the image."""
        return (self.indices(GENERATION) or self.indices(APPEARANCE))[0]


class CurrentForward:
    """The running forward, for the hooks.

    images: those whose rows share it, one image's below the other's; none outside of a forward. kept: layer name -> its projections, from
    where a hook sees them to where it needs them.
    """

    def __init__(self) -> None:
        self.images: tuple[Forward, ...] = ()
        self.kept: dict[str, dict[str, Tensor]] = {}

    @contextmanager
    def running(self, *images: Forward) -> Iterator[None]:
        """These images' forward runs inside. What hooks keep is let go with it, also where it fails."""
        self.images = images
        try:
            yield
        finally:
            self.images, self.kept = (), {}

    def split(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Each image's rows (R, ...) of a tensor of all rows."""
        return torch.split(tensor, [len(each.rows) for each in self.images])

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """The images' rows as one tensor again; those of a single image as they are."""
        return parts[0] if len(parts) == 1 else torch.cat(list(parts))
