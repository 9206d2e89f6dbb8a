"""Matches collected over the layers of one token grid."""

from __future__ import annotations

import torch

from seal_sdk.method.latent_transfer.correspondence import Correspondence


def empty():
    return Correspondence.empty(3, torch.tensor([4]), 9)


def test_layers_are_summed_and_averaged():
    found = empty()
    found.add(torch.tensor([0, 1]), torch.tensor([[1.0], [3.0]]), torch.tensor([0.2, 0.4]))
    assert found.targets.tolist() == [0, 1]
    found.add(torch.tensor([0]), torch.tensor([[2.0]]), torch.tensor([0.6]))
    assert found.tokens == 3 and found.source_tokens == 9
    assert found.mean_similarity().tolist() == [[1.5], [3.0], [0.0]]
    assert found.mean_similarity(torch.tensor([1])).tolist() == [[3.0]]
    assert torch.allclose(found.mean_best_cosine[:2], torch.tensor([0.4, 0.4])) and found.mean_best_cosine[2].isnan()
    assert found.targets.tolist() == [0]


def test_no_layer_and_no_target():
    assert not len(empty().targets)
