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
    redrawn: (1, 1, h, w) in [0, 1], how much of each latent's pattern the prompt has drawn anew, in the reference's colours; None: nothing.
    """

    latents: Tensor
    subject: Tensor
    region: Tensor | None = None
    heights: tuple[int, ...] = ()
    subject_only: bool = False
    redrawn: Tensor | None = None

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

    @cached_property
    def redrawn_appearance(self) -> Tensor | None:
        """`redrawn`, continued over the outline as `appearance` is."""
        if self.redrawn is None or not self.subject_only:
            return self.redrawn
        return extrapolate_appearance(self.redrawn, self.subject)

    def reference_index(self, tokens: Tensor, grid: Grid) -> Tensor:
        """For tokens (N,) of a grid over all references: the index of the reference each belongs to, (N,) from 0."""
        rows = tokens // grid[1] * self.latent_size[0] // grid[0]
        bottoms = torch.tensor(self.heights, device=tokens.device, dtype=tokens.dtype).cumsum(0)
        return torch.bucketize(rows, bottoms, right=True)
