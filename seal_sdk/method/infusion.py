"""Reference-guided Appearance Infusion (paper, section of that name).

Each query of the image is matched with the cached keys of the reference, attends to the best of them, and the result is
blended into the attention output.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.method.tiles import tiles


@dataclass(frozen=True)
class ReferenceTokens:
    """Tokens of the reference in one layer. key, value: (Nk, C)."""

    key: Tensor
    value: Tensor

    @cached_property
    def unit_key(self) -> Tensor:
        """(Nk, C): the keys with length 1."""
        return unit(self.key)

    @cached_property
    def unit_value(self) -> Tensor:
        """(Nk, C): the values with length 1."""
        return unit(self.value)

    def select(self, tokens: Tensor) -> ReferenceTokens:
        """Some of the tokens, (N,)."""
        return ReferenceTokens(self.key.index_select(0, tokens), self.value.index_select(0, tokens))

    def to(self, dtype: torch.dtype) -> ReferenceTokens:
        """Keys and values in a dtype; itself if they are already."""
        if self.key.dtype == self.value.dtype == dtype:
            return self
        return ReferenceTokens(self.key.to(dtype), self.value.to(dtype))

    def split(self, heads: int) -> tuple[ReferenceTokens, ...]:
        """The tokens of each of so many heads; itself for one."""
        if heads == 1:
            return (self,)
        pairs = zip(self.key.chunk(heads, -1), self.value.chunk(heads, -1), strict=True)
        return tuple(ReferenceTokens(key, value) for key, value in pairs)


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
    found = [match(unit(query[tile]) @ unit_key.T, top_k) for tile in tiles(len(query), len(unit_key), query.device)]
    best, index = zip(*found, strict=True)
    return (best[0] if len(best) == 1 else torch.cat(best)).float(), index[0] if len(index) == 1 else torch.cat(index)


def subject_targets(query: Tensor, unit_key: Tensor, sources: Tensor) -> Tensor:
    """Mark the image tokens that look more like the reference's subject than like its background (ours).

    It is used if no structure image says where the subject will be. A token is a target if its best match over the
    whole reference lies on the subject. That needs no threshold, since subject and background compete.

    query: (Nq, C). unit_key: (Nk, C), keys of the whole reference with length 1. sources: (Nk,) bool, True on the
    subject. Returns (Nq,) bool.
    """
    return sources[best_matches(query, unit_key, 1)[1][:, 0]]


def attend(query: Tensor, key: Tensor, value: Tensor, index: Tensor | None, heads: int) -> Tensor:
    """A_app: attention of each query over its matches, ``softmax(q K~^T / sqrt(d)) V~`` per head.

    query: (R, Nq, C), of several rows. key, value: (Nk, C). index: (R, Nq, k), the matches, or None for all keys. Returns
    (R, Nq, C). With k = 1 that is the matched value itself.
    """
    rows, count, channels = query.shape
    if index is None:
        q = query.view(rows, count, heads, -1).transpose(1, 2)  # (rows, heads, Nq, d)
        k, v = (t.view(len(t), heads, -1).transpose(0, 1).expand(rows, -1, -1, -1) for t in (key, value))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(query.shape)
    if index.shape[-1] == 1:
        return value[index[..., 0]]
    flat, picked = query.reshape(-1, channels), index.reshape(-1, index.shape[-1])
    attended = torch.empty_like(flat)
    for tile in tiles(len(flat), picked.shape[1] * channels, flat.device):
        matches = picked[tile]
        q = flat[tile].view(len(matches), 1, heads, -1).transpose(1, 2)  # (tile, heads, 1, d)
        k, v = (t[matches].view(*matches.shape, heads, -1).transpose(1, 2) for t in (key, value))  # (tile, heads, k, d)
        attended[tile] = F.scaled_dot_product_attention(q, k, v).reshape(-1, channels)
    return attended.view(query.shape)


@dataclass(frozen=True, eq=False)
class Matches:
    """The best match of each target token, in each row (R, Nt) or in one (Nt,); of one head or of all together.

    cosine: fp32. index: among the reference's tokens.
    """

    cosine: Tensor
    index: Tensor


@dataclass(frozen=True, eq=False)
class Infused:
    """What `infuse` gives.

    blended: (B, N, C); all tokens that are not infused are bit for bit those of ``base``. coverage: share of the target tokens that were
    infused, a scalar tensor in [0, 1]. matches: one for each head that matches by itself, else one; none where there was nothing to infuse.
    """

    blended: Tensor
    coverage: Tensor
    matches: tuple[Matches, ...] = ()

    def of_row(self, row: int) -> list[Matches]:
        """The matches of one of the infused rows, (Nt,) each."""
        return [Matches(each.cosine[row], each.index[row]) for each in self.matches]


def infuse(
    base: Tensor,
    query: Tensor,
    reference: ReferenceTokens,
    settings: InfusionSettings,
    *,
    rows: slice,
    targets: Tensor | None = None,
    retention: Tensor | None = None,
) -> Infused:
    """Blend appearance attention into base attention: ``(A_base + delta A_app) / (1 + delta)`` where similarity > tau.

    All rows of a picture are matched and attended together, and nothing waits for the device.

    Args:
        base: (B, N, C), attention output before ``to_out``.
        query: (B, N, C).
        reference: tokens to match; K and V are converted to the query's dtype.
        settings: thresholds and strengths.
        rows: batch rows to infuse, with both ends.
        targets: (Nt,), indices of the tokens that may be infused; None for all.
        retention: (Nk,) in [0, 1], a factor on the blending strength where a token is the best match (ours); None means 1.
    """
    if not len(reference.key) or rows.start >= rows.stop or (targets is not None and not len(targets)):
        return Infused(base, torch.zeros((), device=base.device))
    parts = reference.to(query.dtype).split(settings.heads if settings.per_head else 1)
    before, own = (
        tokens[rows] if targets is None else tokens[rows].index_select(1, targets) for tokens in (base, query)
    )
    split = zip(before.chunk(len(parts), -1), own.chunk(len(parts), -1), parts, strict=True)
    found = [_infuse_part(*each, settings, retention) for each in split]
    after = found[0].blended if len(found) == 1 else torch.cat([each.blended for each in found], -1)
    blended = base.clone()
    if targets is None:
        blended[rows] = after
    else:
        blended[rows].index_copy_(1, targets, after)
    coverage = found[0].coverage if len(found) == 1 else torch.stack([each.coverage for each in found]).mean()
    return Infused(blended, coverage, tuple(match for each in found for match in each.matches))


def _infuse_part(
    base: Tensor, query: Tensor, reference: ReferenceTokens, settings: InfusionSettings, retention: Tensor | None
) -> Infused:
    """Infuse tokens (R, Nt, C): all channels, or those of one head."""
    top_k = settings.top_k or len(reference.key)
    attend_all = top_k >= len(reference.key) > 1
    cosine, index = best_matches(query.flatten(0, 1), reference.unit_key, 1 if attend_all else top_k)
    cosine, index = (each.view(*query.shape[:2], -1) for each in (cosine, index))
    valid = cosine[..., :1] > settings.tau
    share: float | Tensor = settings.delta / (1 + settings.delta)
    if retention is not None:
        share = share * retention[index[..., :1]]
    heads = 1 if settings.per_head else settings.heads
    appearance = attend(query, reference.key, reference.value, None if attend_all else index, heads)
    blended = torch.where(valid, _blend(base, appearance, share), base)
    return Infused(blended, valid.float().mean(), (Matches(cosine[..., 0], index[..., 0]),))


def _blend(base: Tensor, appearance: Tensor, share: float | Tensor) -> Tensor:
    """``(A_base + delta A_app) / (1 + delta)`` with ``share = delta / (1 + delta)``.

    It is computed in fp32 and as an interpolation, since ``delta A_app`` would overflow half precision.
    """
    weight = share.float() if isinstance(share, Tensor) else share
    return torch.lerp(base.float(), appearance.float(), weight).to(base.dtype)
