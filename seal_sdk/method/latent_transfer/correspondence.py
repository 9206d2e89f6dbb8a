"""Matches between the tokens of the image and of one reference, collected over the layers of one token grid."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Correspondence:
    """How similar image tokens and reference tokens are, summed over the layers of one token grid.

    similarity: (Nq, Nk), z-scores with the reference tokens ``sources``, summed; 0 if no layer took the token for the
        subject.
    best_cosine: (Nq,), summed cosine of each query with its best key. tau gates its mean.
    layer_count: (Nq,), how many layers took each token for the subject.
    sources: (Nk,), tokens of the reference's grid. source_tokens: how many tokens that grid has.
    """

    similarity: Tensor
    best_cosine: Tensor
    layer_count: Tensor
    sources: Tensor
    source_tokens: int

    @property
    def tokens(self) -> int:
        """How many tokens the image's grid has."""
        return len(self.layer_count)

    @property
    def targets(self) -> Tensor:
        """(Nt,): the tokens that all layers took for the subject.

        If one layer were enough, the subject would grow step by step until it fills an image without a known subject.
        """
        count = self.layer_count
        return torch.nonzero((count > 0) & (count == count.max())).squeeze(1)

    def mean_similarity(self, tokens: Tensor | slice = slice(None)) -> Tensor:
        """(N, Nk): similarity per layer of some of the image's tokens, or of all; 0 where no layer took them for the subject."""
        return self.similarity[tokens] / self.layer_count[tokens].clamp(min=1)[:, None]

    @property
    def mean_best_cosine(self) -> Tensor:
        """(Nq,): best cosine per layer; NaN where no layer took the token for the subject."""
        return self.best_cosine / self.layer_count

    @classmethod
    def empty(cls, tokens: int, sources: Tensor, source_tokens: int) -> Correspondence:
        """No layer yet, for an image grid of so many tokens."""
        zeros = torch.zeros(tokens, device=sources.device)
        return cls(zeros.new_zeros(tokens, len(sources)), zeros, zeros.clone(), sources, source_tokens)

    def add(self, targets: Tensor, similarity: Tensor, best_cosine: Tensor) -> None:
        """Add what one layer found for the tokens (Nt,) that it took for the subject: (Nt, Nk) and (Nt,). In place: matrices are large."""
        self.similarity.index_add_(0, targets, similarity)
        self.best_cosine.index_add_(0, targets, best_cosine)
        self.layer_count.index_add_(0, targets, torch.ones_like(best_cosine))
