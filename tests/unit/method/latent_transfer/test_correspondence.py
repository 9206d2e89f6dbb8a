"""Matches collected over the layers of one token grid."""

from __future__ import annotations

import torch

from seal_sdk.method.latent_transfer.correspondence import Correspondence


def empty(searched):
    return Correspondence.empty(torch.tensor([2, 5, 7]), 9, torch.tensor([4]), 16, searched=searched)


def test_layers_are_summed_and_averaged():
    found = empty(searched=True)
    found.add(torch.tensor([[1.0], [3.0]]), torch.tensor([0.2, 0.4]), torch.tensor([0, 1]))
    assert found.agreed.tolist() == [0, 1]
    found.add(torch.tensor([[2.0]]), torch.tensor([0.6]), torch.tensor([0]))
    assert found.tokens == 9 and found.source_tokens == 16
    assert found.mean_similarity().tolist() == [[1.5], [3.0], [0.0]]
    assert found.mean_similarity(torch.tensor([1])).tolist() == [[3.0]]
    assert torch.allclose(found.mean_best_cosine()[:2], torch.tensor([0.4, 0.4]))
    assert found.mean_best_cosine()[2].isnan()
    assert found.agreed.tolist() == [0]


def test_where_nobody_searches_all_candidates_agree():
    found = empty(searched=False)
    for _ in range(2):
        found.add(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([0.2, 0.4, 0.6]))
    assert found.candidates[found.agreed].tolist() == [2, 5, 7]
    assert found.mean_similarity(found.agreed).tolist() == [[1.0], [3.0], [5.0]]
    assert torch.allclose(found.mean_best_cosine(found.agreed), torch.tensor([0.2, 0.4, 0.6]))


def test_no_layer_and_no_target():
    assert not len(empty(searched=True).agreed)
