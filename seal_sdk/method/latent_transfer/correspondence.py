"""Matches between the tokens of the image and of one reference, collected over the layers of one token grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Correspondence:
    """How similar image tokens and reference tokens are, summed over the layers of one token grid.

    candidates: (Nc,), the image's tokens that may be the subject's, of a grid of so many ``tokens``. searched: whether each layer
        takes some of the candidates, instead of all.
    sources: (Nk,), tokens of the reference's grid, which has so many ``source_tokens``.
    similarity: (Nc, Nk), z-scores, summed; 0 if no layer took the token for the subject.
    best_cosine: (Nc,), summed cosine of each query with its best key. tau gates its mean.
    layer_count: (Nc,), how many layers took each token for the subject.
    """

    candidates: Tensor
    tokens: int
    searched: bool
    sources: Tensor
    source_tokens: int
    similarity: Tensor
    best_cosine: Tensor
    layer_count: Tensor

    @classmethod
    def empty(
        cls, candidates: Tensor, tokens: int, sources: Tensor, source_tokens: int, *, searched: bool
    ) -> Correspondence:
        """No layer yet."""
        zeros = torch.zeros(len(candidates), device=candidates.device)
        return cls(
            candidates,
            tokens,
            searched,
            sources,
            source_tokens,
            zeros.new_zeros(len(candidates), len(sources)),
            zeros,
            zeros.clone(),
        )

    def add(self, similarity: Tensor, best_cosine: Tensor, taken: Tensor | None = None) -> None:
        """Add what one layer found, (Nt, Nk) and (Nt,). In place: matrices are large.

        taken: (Nt,), which of the candidates the layer took for the subject, None for all.
        """
        if taken is None:
            self.similarity.add_(similarity)
            self.best_cosine.add_(best_cosine)
            self.layer_count.add_(1)
        else:
            self.similarity.index_add_(0, taken, similarity)
            self.best_cosine.index_add_(0, taken, best_cosine)
            self.layer_count.index_add_(0, taken, torch.ones_like(best_cosine))

    @property
    def agreed(self) -> Tensor | slice:
        """Which of the candidates all layers took for the subject.

        If one layer were enough, the subject would grow step by step until it fills an image without a known subject.
        """
        if not self.searched:
            return slice(None)
        count = self.layer_count
        return torch.nonzero((count > 0) & (count == count.max())).squeeze(1)

    def mean_similarity(self, which: Tensor | slice = slice(None)) -> Tensor:
        """(N, Nk): similarity per layer of some of the candidates, or of all; 0 where no layer took them for the subject."""
        return self.similarity[which] / self.layer_count[which].clamp(min=1)[:, None]

    def mean_best_cosine(self, which: Tensor | slice = slice(None)) -> Tensor:
        """(N,): best cosine per layer; NaN where no layer took the token for the subject."""
        return self.best_cosine[which] / self.layer_count[which]
