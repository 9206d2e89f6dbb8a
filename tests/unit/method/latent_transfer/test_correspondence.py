"""Matches collected over the layers of one token grid."""

from __future__ import annotations

import torch

from seal_sdk.method.latent_transfer.correspondence import Correspondence


def layer(similarity, best_cosine, layer_count):
    return Correspondence(
        torch.tensor(similarity), torch.tensor(best_cosine), torch.tensor(layer_count), torch.tensor([4]), 9
    )


def test_layers_are_summed_and_averaged():
    first = layer([[1.0], [3.0], [0.0]], [0.2, 0.4, 0.0], [1.0, 1.0, 0.0])
    second = layer([[2.0], [0.0], [0.0]], [0.6, 0.0, 0.0], [1.0, 0.0, 0.0])
    both = first + second
    assert both.tokens == 3 and both.source_tokens == 9
    assert both.mean_similarity.tolist() == [[1.5], [3.0], [0.0]]
    assert torch.allclose(both.mean_best_cosine[:2], torch.tensor([0.4, 0.4])) and both.mean_best_cosine[2].isnan()
    assert both.targets.tolist() == [0] and first.targets.tolist() == [0, 1]


def test_no_layer_and_no_target():
    assert not len(layer([[0.0], [0.0]], [0.0, 0.0], [0.0, 0.0]).targets)
