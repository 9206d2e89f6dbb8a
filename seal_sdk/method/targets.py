"""Where to infuse when no structure image says where the subject will be (ours)."""

from __future__ import annotations

from torch import Tensor

from seal_sdk.method.infusion import similarities


def subject_wins(query: Tensor, key: Tensor, sources: Tensor) -> Tensor:
    """Which query tokens look more like the reference's subject than like its background.

    query: (Nq, C). key: (Nk, C) keys of the whole reference. sources: (Nk,) bool, True on the subject. Returns (Nq,) bool: the best
    cosine match over the whole reference lies on the subject. It needs no threshold, since subject and background compete.
    """
    return sources[similarities(query, key).argmax(dim=-1)]
