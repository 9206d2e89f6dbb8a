"""Where a pipeline is put, with and without ``low_memory``."""

from __future__ import annotations

import pytest
import torch
from fixtures.pipeline_states import block_offload, model_offload, sequential_offload

from seal_sdk.backbone import loading
from seal_sdk.backbone.loading import load_backbone
from seal_sdk.backbone.placement import place

GPU = torch.device("cuda:0")


@pytest.fixture
def moves(monkeypatch):
    """What a pipeline was asked to do, instead of doing it: no GPU is needed."""
    made = []

    def watch(pipe):
        monkeypatch.setattr(pipe, "to", lambda device: made.append(("to", device)))
        monkeypatch.setattr(pipe, "enable_model_cpu_offload", lambda device: made.append(("offload", device)))
        return pipe

    watch.made = made
    return watch


def test_low_memory_offloads_where_there_is_an_accelerator(tiny_pipeline, moves):
    pipe = moves(tiny_pipeline())
    place(pipe, GPU, True)
    place(pipe, GPU, False)
    place(pipe, torch.device("cpu"), True)
    assert moves.made == [("offload", GPU), ("to", GPU), ("to", torch.device("cpu"))]


@pytest.mark.parametrize("offload", [model_offload, sequential_offload, block_offload])
def test_a_pipeline_that_is_offloaded_already_stays_so(tiny_pipeline, moves, offload):
    place(moves(offload(tiny_pipeline())), GPU, True)
    assert moves.made == []


def test_a_given_pipeline_is_offloaded_from_the_device_that_is_asked_for_or_that_it_is_on(
    tiny_pipeline, moves, monkeypatch
):
    monkeypatch.setattr(loading, "choose_device", lambda accelerator: GPU)
    pipe = moves(tiny_pipeline())
    load_backbone(pipe, "cuda:0", low_memory=True)
    load_backbone(pipe, low_memory=True)  # it is on the CPU, where it stays
    load_backbone(pipe)
    assert moves.made == [("offload", GPU), ("to", torch.device("cpu"))]
