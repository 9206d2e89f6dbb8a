"""Coherent matches: neighbours vote for matches that move as they do."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from seal_sdk.method.coherence import coherent


def whole(rows, columns):
    return torch.arange(rows * columns)


def naive(similarity, targets, sources, grid, source_grid):
    """One round, pair by pair, from the definition."""
    value = {(int(t), int(s)): float(similarity[i, j]) for i, t in enumerate(targets) for j, s in enumerate(sources)}
    result = torch.empty_like(similarity)
    for (i, t), (j, s) in product(enumerate(targets.tolist()), enumerate(sources.tolist())):
        around = []
        for dy, dx in product((-1, 0, 1), repeat=2):
            places = [
                (t // grid[1] + dy, t % grid[1] + dx, grid),
                (s // source_grid[1] + dy, s % source_grid[1] + dx, source_grid),
            ]
            inside = all(0 <= y < g[0] and 0 <= x < g[1] for y, x, g in places)
            pair = tuple(y * g[1] + x for y, x, g in places)
            if (dy, dx) != (0, 0) and inside and pair in value:
                around.append(value[pair])
        result[i, j] = (value[t, s] + (sum(around) / len(around) if around else 0.0)) / 2
    return result


@pytest.mark.parametrize("part", [slice(None), slice(1, None, 2), slice(3, 4)])
def test_each_round_is_the_mean_with_the_neighbours(part):
    torch.manual_seed(0)
    targets, sources = whole(3, 4)[part], whole(4, 2)
    similarity = torch.rand(len(targets), len(sources), dtype=torch.float64)
    once = naive(similarity, targets, sources, (3, 4), (4, 2))
    twice = naive(once, targets, sources, (3, 4), (4, 2))
    assert torch.allclose(coherent(similarity, targets, sources, (3, 4), (4, 2), rounds=1), once)
    assert torch.allclose(coherent(similarity, targets, sources, (3, 4), (4, 2), rounds=2), twice)
    assert torch.equal(coherent(similarity, targets, sources, (3, 4), (4, 2), rounds=0), similarity)


def test_look_alikes_are_told_apart_by_what_is_around_them():
    """Stripes one token wide: every other column looks the same, the subject's left end is known."""
    columns = 8
    features = torch.zeros(columns, 3)
    features[0::2, 0] = features[1::2, 1] = 1.0
    features[0] = torch.tensor([0.0, 0.0, 1.0])
    query = features[:6] + 0.01 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    similarity = query @ features.T
    found = coherent(similarity, whole(1, 6), whole(1, 8), (1, 6), (1, 8), rounds=6).argmax(-1)
    assert found[:4].tolist() == [0, 1, 2, 3]
    assert similarity.argmax(-1).tolist() != list(range(6))
