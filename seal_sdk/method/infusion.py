"""Reference-guided Appearance Infusion (paper, section of that name).

Each query of the image is matched with the cached keys of the reference, attends to the best of them, and the result is
blended into the attention output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.tiles import tiles

OnMatch = Callable[[int, int, Tensor, Tensor], None]
"""Called with row, head, and each target's best cosine and its key's index, (Nt,)."""


@dataclass(frozen=True)
class ReferenceTokens:
    """Cached tokens of the reference in one layer.

    key, value: (Nk, C). retention: (Nk,) in [0, 1], a factor on the blending strength where a token is the best match
    (ours); None means 1 for all.
    """

    key: Tensor
    value: Tensor
    retention: Tensor | None = None

    @cached_property
    def unit_key(self) -> Tensor:
        """(Nk, C): the keys with length 1."""
        return unit(self.key)

    def to(self, dtype: torch.dtype) -> ReferenceTokens:
        """Keys and values in a dtype; itself if they are already."""
        if self.key.dtype == self.value.dtype == dtype:
            return self
        return ReferenceTokens(self.key.to(dtype), self.value.to(dtype), self.retention)

    def split(self, heads: int) -> tuple[ReferenceTokens, ...]:
        """The tokens of each of so many heads; itself for one."""
        if heads == 1:
            return (self,)
        pairs = zip(self.key.chunk(heads, -1), self.value.chunk(heads, -1), strict=True)
        return tuple(ReferenceTokens(key, value, self.retention) for key, value in pairs)


@dataclass(frozen=True)
class InfusionSettings:
    """How one layer is infused at one step.

    heads: attention heads of the layer. tau: cosine in [-1, 1] that a match has to exceed. delta: blending strength,
    >= 0. top_k: how many keys a query attends to; 0 means all. per_head: each head finds its own matches and is gated
    by them, instead of one match for all heads (ours).
    """

    heads: int
    tau: float
    delta: float
    top_k: int = 0
    per_head: bool = False


def unit(tokens: Tensor) -> Tensor:
    """Tokens (N, C) with length 1, in their own dtype; zeros stay zeros."""
    return F.normalize(tokens.float(), dim=-1).to(tokens.dtype)


def cosine_similarity(query: Tensor, key: Tensor) -> Tensor:
    """Cosine of every query (Nq, C) with every key (Nk, C). Returns (Nq, Nk) in fp32, of products in the tokens' dtype.

    The channels of all heads are compared together, so that a token has one match (ours).
    """
    return (unit(query) @ unit(key).T).float()


def match(similarity: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """The most similar keys of each query, from similarities (Nq, Nk).

    Returns their similarities and indices, (Nq, k) each, best first, with k = min(top_k, Nk).
    """
    if top_k == 1:
        best, index = similarity.max(dim=-1, keepdim=True)
        return best, index
    return torch.topk(similarity, min(top_k, similarity.shape[1]), dim=-1)


def best_matches(query: Tensor, unit_key: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """`match` of queries (Nq, C) with keys of length 1, (Nk, C); cosines in fp32. It holds only a tile of the matrix at a time."""
    found = [match(unit(query[tile]) @ unit_key.T, top_k) for tile in tiles(len(query), len(unit_key))]
    best, index = zip(*found, strict=True)
    return (best[0] if len(best) == 1 else torch.cat(best)).float(), index[0] if len(index) == 1 else torch.cat(index)


def subject_targets(query: Tensor, key: Tensor, sources: Tensor) -> Tensor:
    """Mark the image tokens that look more like the reference's subject than like its background (ours).

    It is used if no structure image says where the subject will be. A token is a target if its best match over the
    whole reference lies on the subject. That needs no threshold, since subject and background compete.

    query: (Nq, C). key: (Nk, C), keys of the whole reference. sources: (Nk,) bool, True on the subject. Returns
    (Nq,) bool.
    """
    return sources[best_matches(query, unit(key), 1)[1][:, 0]]


def attend(query: Tensor, key: Tensor, value: Tensor, index: Tensor | None, heads: int) -> Tensor:
    """A_app: attention of each query over its matches, ``softmax(q K~^T / sqrt(d)) V~`` per head.

    query: (Nq, C). key, value: (Nk, C). index: (Nq, k), the matches, or None for all keys. Returns (Nq, C). With k = 1
    that is the matched value itself.
    """
    count, channels = query.shape
    if index is None:
        q, k, v = (t.view(len(t), heads, -1).transpose(0, 1) for t in (query, key, value))  # (heads, N, d)
        return F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(count, channels)
    if index.shape[1] == 1:
        return value[index[:, 0]]
    attended = torch.empty_like(query)
    for tile in tiles(count, index.shape[1] * channels):
        q, matches = query[tile], index[tile]
        q = q.view(len(q), 1, heads, -1).transpose(1, 2)  # (tile, heads, 1, d)
        k, v = (t[matches].view(*matches.shape, heads, -1).transpose(1, 2) for t in (key, value))  # (tile, heads, k, d)
        attended[tile] = F.scaled_dot_product_attention(q, k, v).reshape(-1, channels)
    return attended


def infuse(
    base: Tensor,
    query: Tensor,
    reference: ReferenceTokens,
    settings: InfusionSettings,
    *,
    rows: Sequence[int],
    targets: Tensor | None = None,
    on_match: OnMatch | None = None,
) -> tuple[Tensor, Tensor]:
    """Blend appearance attention into base attention: ``(A_base + delta A_app) / (1 + delta)`` where similarity > tau.

    Args:
        base: (B, N, C), attention output before ``to_out``.
        query: (B, N, C).
        reference: tokens to match; K and V are converted to the query's dtype.
        settings: thresholds and strengths.
        rows: batch rows to infuse.
        targets: (Nt,), indices of the tokens that may be infused; None for all.
        on_match: called with row, head (0 unless ``per_head``), and each target's best cosine and its key's index, (Nt,).

    Returns:
        The blended (B, N, C), and the share of the target tokens that were infused, a scalar tensor in [0, 1]. All
        other tokens are bit for bit those of ``base``.
    """
    if not len(reference.key) or not len(rows) or (targets is not None and not len(targets)):
        return base, torch.zeros((), device=base.device)
    parts = reference.to(query.dtype).split(settings.heads if settings.per_head else 1)
    blended, coverage = base.clone(), []
    for row in rows:
        at = row if targets is None else (row, targets)
        observe = None if on_match is None else partial(on_match, row)
        blended[at], shares = _infuse_row(base[at], query[at], parts, settings, observe)
        coverage += shares
    return blended, torch.stack(coverage).mean()


def _infuse_row(
    base: Tensor,
    query: Tensor,
    parts: Sequence[ReferenceTokens],
    settings: InfusionSettings,
    on_match: Callable[[int, Tensor, Tensor], None] | None,
) -> tuple[Tensor, list[Tensor]]:
    """Infuse the tokens (Nt, C) of one row, in one part or head by head. Returns them and each part's coverage."""
    split = (tokens.chunk(len(parts), -1) for tokens in (base, query))
    blended, coverage = [], []
    for head, (before, q, part) in enumerate(zip(*split, parts, strict=True)):
        after, valid = _infuse_part(before, q, part, settings, None if on_match is None else partial(on_match, head))
        blended.append(after)
        coverage.append(valid.float().mean())
    return torch.cat(blended, -1), coverage


def _infuse_part(
    base: Tensor,
    query: Tensor,
    reference: ReferenceTokens,
    settings: InfusionSettings,
    on_match: Callable[[Tensor, Tensor], None] | None,
) -> tuple[Tensor, Tensor]:
    """Returns the blended (Nt, C) and the gate, (Nt, 1) bool."""
    top_k = settings.top_k or len(reference.key)
    attend_all = top_k >= len(reference.key) > 1
    best, index = best_matches(query, reference.unit_key, 1 if attend_all else top_k)
    if on_match is not None:
        on_match(best[:, 0], index[:, 0])
    valid = best[:, :1] > settings.tau
    share: float | Tensor = settings.delta / (1 + settings.delta)
    if reference.retention is not None:
        share = share * reference.retention[index[:, :1]]
    heads = 1 if settings.per_head else settings.heads
    appearance = attend(query, reference.key, reference.value, None if attend_all else index, heads)
    return torch.where(valid, _blend(base, appearance, share), base), valid


def _blend(base: Tensor, appearance: Tensor, share: float | Tensor) -> Tensor:
    """``(A_base + delta A_app) / (1 + delta)`` with ``share = delta / (1 + delta)``.

    It is computed in fp32 and as an interpolation, since ``delta A_app`` would overflow half precision.
    """
    weight = share.float() if isinstance(share, Tensor) else share
    return torch.lerp(base.float(), appearance.float(), weight).to(base.dtype)
