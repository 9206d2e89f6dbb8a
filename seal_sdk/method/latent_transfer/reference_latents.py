"""The latents of a reference, as latent transfer takes them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seal_sdk.method.latent_transfer.warp import extrapolate_appearance
from seal_sdk.method.token_masks import Grid


@dataclass(frozen=True)
class ReferenceLatents:
    """One subject's reference latents and where its subject is.

    latents: (1, C, h, w), clean, edited as the prompt says. Several references stand one below the other.
    subject: (1, 1, h, w) in [0, 1], how much of each latent belongs to the reference's subject.
    region: the same for the subject in the image, at the image's latent size; None if it is unknown.
    heights: rows of latents of each of several references; empty for one.
    subject_only: whether only the reference's subject is matched, and only with a known subject in the image.
    """

    latents: Tensor
    subject: Tensor
    region: Tensor | None = None
    heights: tuple[int, ...] = ()
    subject_only: bool = False

    @property
    def latent_size(self) -> tuple[int, int]:
        """(height, width) of the latents."""
        return self.latents.shape[-2], self.latents.shape[-1]

    @cached_property
    def appearance(self) -> Tensor:
        """(1, C, h, w): the latents that matches copy.

        If only subjects are matched, the subject's latents replace those around it (`extrapolate_appearance`). Otherwise
        the outline in the image comes from the reference, and an extrapolated subject would grow step by step.
        """
        return extrapolate_appearance(self.latents, self.subject) if self.subject_only else self.latents

    def split_tokens(self, tokens: Tensor, grid: Grid) -> list[tuple[Tensor, Grid]]:
        """Tokens (N,) of a grid over all references, sorted by reference: each one's, in its own grid of (rows, columns)."""
        parts, top = [], 0
        for height in self.heights or self.latent_size[:1]:
            rows = height * grid[0] // self.latent_size[0]
            row = tokens // grid[1]
            parts.append((tokens[(row >= top) & (row < top + rows)] - top * grid[1], (rows, grid[1])))
            top += rows
        return parts

    @property
    def subjects(self) -> tuple[Tensor, ...]:
        """(1, 1, h, w) of each reference: how much of each latent belongs to its subject."""
        return torch.split(self.subject, list(self.heights or self.latent_size[:1]), dim=-2)
