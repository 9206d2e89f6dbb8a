"""Records the matches that one layer's infusion finds: for match maps, and for latent transfer."""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.generation.forward import Forward, LayerInfusion, Projections, TokenMatches
from seal_sdk.method.infusion import OnMatch, ReferenceTokens, unit
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.similarity import similarity as token_similarity


class MatchRecorder:
    """Records the matches of one layer with one subject in one forward. targets: (Nt,) tokens that may be infused, None for all."""

    def __init__(
        self, forward: Forward, layer: str, subject: int, given: LayerInfusion, targets: Tensor | None
    ) -> None:
        self.forward, self.layer, self.subject, self.given, self.targets = forward, layer, subject, given, targets

    def listener(self, own: Projections, theirs: ReferenceTokens) -> OnMatch | None:
        """What `infuse` calls with each row's matches; None where the forward asks for nothing.

        own: the layer's projections of the image's rows. theirs: the reference's tokens that are matched with.
        """
        forward, tokens = self.forward, own.query.shape[1]
        if forward.matches is None and not forward.detail:
            return None
        device = own.query.device
        targets = torch.arange(tokens, device=device) if self.targets is None else self.targets
        sources, image_row = self._sources(device), forward.image_row
        transferred = forward.detail and len(targets) and len(sources)
        similarities = self._similarities(own, targets, theirs) if transferred else None

        def on_match(row: int, head: int, best: Tensor, index: Tensor) -> None:
            if row != image_row:
                return
            if forward.matches is not None:
                self._record_matches(targets, sources[index], best, tokens)
            if similarities is not None:  # a head that matches on its own counts as a layer
                self._correspondence(tokens, sources).add(targets, similarities, best)

        return on_match

    @property
    def _source_tokens(self) -> int:
        rows, columns = self.given.grid
        return rows * columns

    def _sources(self, device: torch.device) -> Tensor:
        """(Nk,) places, in the reference's grid, of the tokens that are matched with."""
        given = self.given
        stored = torch.arange(self._source_tokens, device=device) if given.positions is None else given.positions
        return stored if given.sources is None else stored[given.sources]

    def _similarities(self, own: Projections, targets: Tensor, theirs: ReferenceTokens) -> Tensor:
        """(Nt, Nk): of the targets with the reference's tokens."""
        row = self.forward.image_row
        return token_similarity(
            (unit(own.key[row, targets]), unit(own.value[row, targets])), (theirs.unit_key, unit(theirs.value))
        )

    def _record_matches(self, targets: Tensor, sources: Tensor, cosines: Tensor, tokens: int) -> None:
        assert self.forward.matches is not None
        self.forward.matches.append(
            TokenMatches(self.layer, self.subject, targets, sources, cosines, tokens, self.given.grid)
        )

    def _correspondence(self, tokens: int, sources: Tensor) -> Correspondence:
        """What the layers of this grid have found so far."""
        grids = self.forward.correspondences.setdefault(self.subject, {})
        if tokens not in grids:
            grids[tokens] = Correspondence.empty(tokens, sources, self._source_tokens)
        return grids[tokens]
