"""Neighbourhood consensus: neighbours vote for matches that move as they do."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from seal_sdk.method.latent_transfer.consensus import SourceBox, neighbourhood_consensus, round_strides
from seal_sdk.method.latent_transfer.stride import Stride


def whole(rows, columns):
    return torch.arange(rows * columns)


def box(rows, columns):
    return SourceBox.around(whole(rows, columns), (rows, columns))


def beside(token, rows, columns, grid):
    """The token that many rows and columns away; None outside of the grid."""
    row, column = token // grid[1] + rows, token % grid[1] + columns
    return row * grid[1] + column if 0 <= row < grid[0] and 0 <= column < grid[1] else None


def naive(similarity, targets, sources, grid, source_grid, stride, right=1):
    """One round, pair by pair, from the definition. stride: tokens of the image and of the reference."""
    own, theirs = stride
    value = {(int(t), int(s)): float(similarity[i, j]) for i, t in enumerate(targets) for j, s in enumerate(sources)}
    result = torch.empty_like(similarity)
    for (i, t), (j, s) in product(enumerate(targets.tolist()), enumerate(sources.tolist())):
        around = []
        for dy, dx in product((-1, 0, 1), repeat=2):
            target, source = (
                beside(t, own * dy, own * dx, grid),
                beside(s, theirs * dy, theirs * right * dx, source_grid),
            )
            if (dy, dx) != (0, 0) and target in targets.tolist():
                around.append(value.get((target, source), 0.0))
        result[i, j] = (value[t, s] + (sum(around) / len(around) if around else 0.0)) / 2
    return result


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (1, 2), (1, 5)])
@pytest.mark.parametrize("part", [slice(None), slice(1, None, 2), slice(3, 4)])
def test_each_round_is_the_mean_with_the_neighbours(part, stride):
    torch.manual_seed(0)
    targets, sources = whole(3, 4)[part], whole(4, 2)
    similarity = torch.randn(len(targets), len(sources), dtype=torch.float64)

    def best(values):
        return values.amax(-1).mean()

    expected = {1: similarity, -1: similarity}
    for rounds in (0, 1, 2):
        found, mirrored = neighbourhood_consensus(
            similarity, targets, SourceBox.around(sources, (4, 2)), (3, 4), [Stride(*stride)] * rounds
        )
        assert mirrored == bool(best(expected[-1]) > best(expected[1]))
        assert torch.allclose(found, expected[-1 if mirrored else 1])
        expected = {
            right: naive(each, targets, sources, (3, 4), (4, 2), stride, right) for right, each in expected.items()
        }


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_subject_may_face_the_other_way(mirrored):
    """Each column looks like itself, and a little more like another one; only what is around tells them apart."""
    grid, columns = (2, 8), torch.arange(16) % 8
    source = 7 - columns if mirrored else columns
    looks = torch.eye(8) + 1.05 * torch.eye(8)[[3, 6, 1, 4, 7, 2, 5, 0]]
    similarity = looks[source][:, columns]
    found, told = neighbourhood_consensus(similarity, whole(*grid), box(*grid), grid, [Stride()] * 3)
    assert told == mirrored
    assert torch.equal(found.argmax(-1) % 8, source)


def test_look_alikes_are_told_apart_by_what_is_around_them():
    """Stripes one token wide: every other column looks the same, the subject's left end is known."""
    columns = 8
    features = torch.zeros(columns, 3)
    features[0::2, 0] = features[1::2, 1] = 1.0
    features[0] = torch.tensor([0.0, 0.0, 1.0])
    query = features[:6] + 0.01 * torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    similarity = query @ features.T
    found, _ = neighbourhood_consensus(similarity, whole(1, 6), box(1, 8), (1, 6), [Stride()] * 6)
    found = found.argmax(-1)
    assert found[:4].tolist() == [0, 1, 2, 3]
    assert similarity.argmax(-1).tolist() != list(range(6))


def test_rounds_reach_an_eighth_of_every_grid():
    own = Stride()
    assert round_strides((16, 16)) == round_strides((8, 8)) == round_strides((14, 20)) == (own, own)
    assert round_strides((64, 64)) == (Stride(4, 4), Stride(2, 2), own, own)
    for side in (16, 32, 64, 128):
        assert sum(each.image for each in round_strides((side, side))) == side / 8
    assert round_strides((32, 32), Stride(1, 2)) == (Stride(2, 4), Stride(1, 2), Stride(1, 2))
    assert round_strides((32, 32), Stride(2, 1)) == (Stride(2, 1), Stride(2, 1))


def test_tiles_change_no_bit(monkeypatch):
    torch.manual_seed(0)
    tokens, grid = whole(6, 7)[torch.rand(42) > 0.3], (6, 7)
    similarity = torch.randn(len(tokens), len(tokens))
    given = similarity, tokens, SourceBox.around(tokens, grid), grid, round_strides(grid)
    whole_matrix, _ = neighbourhood_consensus(*given)
    monkeypatch.setattr("seal_sdk.method.tiles.TILE", 100)
    assert torch.equal(neighbourhood_consensus(*given)[0], whole_matrix)


def test_a_box_is_the_smallest_around_its_tokens():
    found = SourceBox.around(torch.tensor([6, 8, 12]), (4, 5))  # (1, 1), (1, 3), (2, 2)
    assert found.size == (2, 3) and found.place.tolist() == [0, 2, 4]
    assert SourceBox.around(torch.tensor([], dtype=torch.long), (4, 5)).size == (0, 0)
