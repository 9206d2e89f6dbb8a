"""The latents of a reference, as latent transfer takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from seal_sdk.method.latent_transfer.consensus import SourceBox
from seal_sdk.method.latent_transfer.outline import extrapolate_appearance
from seal_sdk.method.latent_transfer.stride import SAME, Stride
from seal_sdk.method.token_masks import Grid


@dataclass(frozen=True, eq=False)
class SourceLayout:
    """The tokens of one reference that are matched with, and how large its subject is, compared with the image."""

    box: SourceBox
    stride: Stride


@dataclass(frozen=True)
class ReferenceLatents:
    """One subject's reference latents and where its subject is.

    latents: (1, C, h, w), clean, edited as the prompt says. Several references stand one below the other.
    subject: (1, 1, h, w) in [0, 1], how much of each latent belongs to the reference's subject.
    region: the same for the subject in the image, at the image's latent size; None if it is unknown.
    heights: rows of latents of each of several references; empty for one.
    subject_only: whether only the reference's subject is matched, and only with a known subject in the image.
    strides: how large the subject is in each of several references, compared with the image; empty for one as large.
    doublings: how often the latents' sides were doubled, or halved if negative, from the size at which K/V were captured: latents of
        one scale do not show the same when they are stretched to another.
    redrawn: (1, 1, h, w) in [0, 1], how much of each latent's pattern the prompt has drawn anew, in the reference's colours; None: nothing.
    """

    latents: Tensor
    subject: Tensor
    region: Tensor | None = None
    heights: tuple[int, ...] = ()
    subject_only: bool = False
    strides: tuple[Stride, ...] = ()
    doublings: int = 0
    redrawn: Tensor | None = None

    @property
    def latent_size(self) -> tuple[int, int]:
        """(height, width) of the latents with which K/V were captured."""
        height, width = self.latents.shape[-2:]
        return int(height * 2.0**-self.doublings), int(width * 2.0**-self.doublings)

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

    @cached_property
    def _layouts(self) -> dict[int, tuple[Tensor, tuple[SourceLayout, ...]]]:
        return {}

    def layouts(self, tokens: Tensor, grid: Grid) -> tuple[SourceLayout, ...]:
        """Each reference's part of tokens (N,) of a grid over all of them, sorted by reference.

        They are remembered, with the very tensor that they were made of.
        """
        _, found = self._layouts.get(id(tokens), (None, None))
        if found is None:
            found = tuple(self._lay_out(tokens, grid))
            self._layouts[id(tokens)] = tokens, found
        return found

    def _lay_out(self, tokens: Tensor, grid: Grid) -> Iterator[SourceLayout]:
        heights = self.heights or (self.latents.shape[-2],)
        row, top = tokens // grid[1], 0
        for height, stride in zip(heights, self.strides or (SAME,) * len(heights), strict=True):
            rows = height * grid[0] // self.latents.shape[-2]
            own = tokens[(row >= top) & (row < top + rows)] - top * grid[1]
            yield SourceLayout(SourceBox.around(own, (rows, grid[1])), stride)
            top += rows
