"""What is kept of the matches that one layer's infusion finds: for match maps, and for the transfer of details."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seal_sdk.backbone.capture import KeyValue
from seal_sdk.backbone.step import (
    APPEARANCE,
    GENERATION,
    Correspondence,
    Forward,
    LayerInfusion,
    Projections,
    TokenMatches,
)
from seal_sdk.method.infusion import match
from seal_sdk.method.likeness import likeness

OnMatch = Callable[[int, int, Tensor], None]


def observer(
    forward: Forward,
    layer: str,
    role: int,
    given: LayerInfusion,
    own: Projections,
    theirs: KeyValue,
    candidates: Tensor | None,
) -> OnMatch | None:
    """Takes the similarities, (Nt, Nk), of each row and head, and keeps what the forward asks for; None where it asks for nothing.

    own: the layer's projections in the image's rows. theirs: (Nk, C) keys and values that were matched with.
    candidates: (Nt,) the tokens that may be infused, None for all.
    """
    if forward.matches is None and not forward.detail:
        return None
    device = given.key.device
    tokens = own.query.shape[1]
    targets = torch.arange(tokens, device=device) if candidates is None else candidates
    stored = torch.arange(given.tokens, device=device) if given.positions is None else given.positions
    sources = stored if given.sources is None else stored[given.sources]
    (shown,) = forward.indices(GENERATION)[:1] or forward.indices(APPEARANCE)  # the row that makes the image
    paired = len(targets) and len(sources)
    likenesses = _likenesses(own, shown, targets, theirs) if forward.detail and paired else None

    def observe(row: int, head: int, similarity: Tensor) -> None:
        if row != shown:
            return
        best, index = match(similarity, 1)
        if forward.matches is not None:
            forward.matches.append(
                TokenMatches(layer, targets, sources[index[:, 0]], best[:, 0], tokens, given.tokens, role)
            )
        if likenesses is not None:  # heads that match on their own count as layers, all with the same likeness
            none = best.new_zeros(tokens)
            chosen, layers = none.index_copy(0, targets, best[:, 0]), none.index_fill(0, targets, 1.0)
            _keep(forward, role, Correspondence(likenesses, chosen, layers, sources, given.tokens))

    return observe


def _likenesses(own: Projections, row: int, targets: Tensor, theirs: KeyValue) -> Tensor:
    """(tokens, Nk): of the targets with the reference's tokens, zero elsewhere."""
    alike = likeness((own.key[row, targets], own.value[row, targets]), theirs)
    return alike.new_zeros(own.key.shape[1], len(theirs[0])).index_copy(0, targets, alike)


def _keep(forward: Forward, role: int, found: Correspondence) -> None:
    """Adds one layer's to those of its grid."""
    grids = forward.correspondences.setdefault(role, {})
    known = grids.get(found.tokens)
    grids[found.tokens] = found if known is None else known + found
