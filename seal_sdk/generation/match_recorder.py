"""Records the matches that one layer's infusion finds: for match maps, and for latent transfer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.generation.forward import Forward, LayerInfusion, Projections, TokenMatches
from seal_sdk.method.infusion import Matches, unit
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.similarity import similarity


@dataclass(frozen=True, eq=False)
class Targets:
    """The image's tokens that one layer infuses. tokens: (Nt,), None for all.

    taken: (Nt,), which of the given targets these are, where the layer looked for them; None where it took all.
    """

    tokens: Tensor | None
    taken: Tensor | None = None

    def select(self, projected: Tensor) -> Tensor:
        """(Nt, C): what a projection (N, C) says of the targets."""
        return projected if self.tokens is None else projected.index_select(0, self.tokens)


class MatchRecorder:
    """Records the matches of one layer with one subject in one forward."""

    def __init__(self, forward: Forward, layer: str, subject: int, given: LayerInfusion, targets: Targets) -> None:
        self.forward, self.layer, self.subject, self.given, self.targets = forward, layer, subject, given, targets

    def record(self, own: Projections, matches: Sequence[Matches]) -> None:
        """Note the matches, (Nt,) each, of the row that makes the image, as far as the forward asks for them.

        own: the layer's projections of the image's rows.
        """
        if self.forward.matches is not None:
            self.forward.matches += [self._token_matches(own, each) for each in matches]
        if self.forward.detail and matches:
            similarities = self._similarities(own)
            correspondence = self._correspondence(own)
            for each in matches:  # a head that matches on its own counts as a layer
                correspondence.add(similarities, each.cosine, self.targets.taken)

    def _token_matches(self, own: Projections, found: Matches) -> TokenMatches:
        given, tokens = self.given, own.query.shape[1]
        targets = _all(tokens, own) if self.targets.tokens is None else self.targets.tokens
        places = given.places[found.index]
        return TokenMatches(self.layer, self.subject, targets, places, found.cosine, tokens, given.grid)

    def _similarities(self, own: Projections) -> Tensor:
        """(Nt, Nk): of the targets with the reference's tokens."""
        row, theirs = self.forward.image_row, self.given.tokens.to(own.query.dtype)
        features = (unit(self.targets.select(each[row])) for each in (own.key, own.value))
        return similarity(tuple(features), (theirs.unit_key, theirs.unit_value))

    def _correspondence(self, own: Projections) -> Correspondence:
        """What the layers of this grid have found so far."""
        given, tokens = self.given, own.query.shape[1]
        grids = self.forward.correspondences.setdefault(self.subject, {})
        if tokens not in grids:
            candidates = _all(tokens, own) if given.targets is None else given.targets
            rows, columns = given.grid
            grids[tokens] = Correspondence.empty(
                candidates, tokens, given.places, rows * columns, searched=given.whole is not None
            )
        return grids[tokens]


def _all(tokens: int, own: Projections) -> Tensor:
    return torch.arange(tokens, device=own.query.device)
