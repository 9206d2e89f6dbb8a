"""Reference-guided Appearance Infusion: match queries to cached keys, attend to the best, blend (paper, "Reference-guided ...")."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def similarities(query: Tensor, key: Tensor) -> Tensor:
    """Cosines of every query, (Nq, C), with every key, (Nk, C): (Nq, Nk), fp32.

    All heads' channels together decide, so that a token has one correspondence (ours).
    """
    return F.normalize(query.float(), dim=-1) @ F.normalize(key.float(), dim=-1).T


def match(similarity: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """The ``top_k`` most similar keys of every query, from (Nq, Nk): cosines and indices, (Nq, k), k = min(top_k, Nk), best first."""
    if top_k == 1:
        best, index = similarity.max(dim=-1, keepdim=True)
        return best, index
    return torch.topk(similarity, min(top_k, similarity.shape[1]), dim=-1)


def attend(query: Tensor, key: Tensor, value: Tensor, index: Tensor | None, heads: int) -> Tensor:
    """A_app: attention of each query over its matches, ``softmax(q K~^T / sqrt(d)) V~`` per head.

    query: (Nq, C). key, value: (Nk, C). index: (Nq, k), None for all keys. Returns (Nq, C); for k = 1 simply the matched value.
    """
    count, channels = query.shape
    if index is None:
        per_head = [t.view(len(t), heads, -1).transpose(0, 1) for t in (query, key, value)]  # (heads, N, d)
        return F.scaled_dot_product_attention(*per_head).transpose(0, 1).reshape(count, channels)
    if index.shape[1] == 1:
        return value[index[:, 0]]
    q = query.view(count, 1, heads, -1).transpose(1, 2)  # (Nq, heads, 1, d)
    k, v = (t[index].view(count, index.shape[1], heads, -1).transpose(1, 2) for t in (key, value))  # (Nq, heads, k, d)
    return F.scaled_dot_product_attention(q, k, v).reshape(count, channels)


def infuse(
    base: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    heads: int,
    tau: float,
    delta: float,
    top_k: int,
    targets: Tensor | None,
    rows: Sequence[int],
    per_head: bool = False,
    kept: Tensor | None = None,
    on_match: Callable[[int, int, Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Blend appearance attention into the base attention: ``(A_base + delta A_app) / (1 + delta)`` where the similarity exceeds tau.

    base: (B, N, C) attention output before ``to_out``. query: (B, N, C). key, value: (Nk, C) of the reference. targets: (Nt,) indices of
    the tokens that may be infused, None for all. rows: batch rows to infuse. per_head: each head finds matches of its own and is gated
    by them, instead of one match for all (ours). kept: (Nk,) in [0, 1], what a token's share in the blend is multiplied by
    where it is the best match (ours). on_match: called with row, head (0 unless per_head) and all similarities, (Nt, Nk).
    Returns the blended (B, N, C), and the share of the candidate tokens that were infused, a number from 0 to 1 on the
    same device. Everything else stays bit for bit the base.
    """
    if not len(key) or not len(rows) or (targets is not None and not len(targets)):
        return base, torch.zeros((), device=base.device)
    blended = base.clone()
    key, value = key.to(query.dtype), value.to(query.dtype)
    heads, width = (1, query.shape[-1] // heads) if per_head else (heads, query.shape[-1])
    every = top_k >= len(key) > 1
    shares = []
    for row in rows:
        at = row if targets is None else (row, targets)
        mixed = []
        for head, (q, k, v, before) in enumerate(zip(*(t.split(width, -1) for t in (query[at], key, value, base[at])))):
            similarity = similarities(q, k)
            if on_match is not None:
                on_match(row, head, similarity)
            best, index = match(similarity, 1 if every else top_k)
            valid = best[:, :1] > tau
            share = delta / (1 + delta) if kept is None else delta / (1 + delta) * kept[index[:, :1]]
            appearance = attend(q, k, v, None if every else index, heads)
            mixed.append(torch.where(valid, _blend(before, appearance, share), before))
            shares.append(valid.float().mean())
        blended[at] = torch.cat(mixed, -1)
    return blended, torch.stack(shares).mean()


def _blend(base: Tensor, appearance: Tensor, share: float | Tensor) -> Tensor:
    """``(A_base + delta A_app) / (1 + delta)``, in fp32 and as an interpolation: ``delta A_app`` would overflow half precision."""
    weight = share.float() if isinstance(share, Tensor) else share
    return torch.lerp(base.float(), appearance.float(), weight).to(base.dtype)


def token_mask(mask: np.ndarray, grid: tuple[int, int], coverage: float = 0.15) -> Tensor:
    """Which tokens of a (rows, columns) grid belong to the subject, from its mask (H, W) bool: (rows * columns,) bool.

    A token belongs when the mask covers more than ``coverage`` of its area (ours); the best covered one always does, so that a small
    subject is never lost.
    """
    area = F.interpolate(
        torch.as_tensor(np.ascontiguousarray(mask), dtype=torch.float32)[None, None], size=grid, mode="area"
    )
    share = area.flatten()
    return share > min(coverage, max(float(share.max()) * 0.999, 0.0))


def dilate(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """A token mask (rows * columns,) bool, grown by one token to every side."""
    picture = tokens.view(1, 1, *grid).float()
    return F.max_pool2d(picture, 3, stride=1, padding=1).flatten() > 0
