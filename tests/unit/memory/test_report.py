"""What a memory report counts, and how it is printed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from fixtures.pipeline_states import sequential_offload
from torch import nn

from seal_sdk.backbone.parts import model_parts
from seal_sdk.backbone.weights import bytes_by_device
from seal_sdk.memory import MemoryReport, PeakMeter
from seal_sdk.memory.peak import process_peak


def test_bytes_are_counted_where_they_lie_and_tied_weights_once():
    module = nn.ModuleDict({"a": nn.Linear(3, 5), "b": nn.Linear(3, 5, bias=False), "c": nn.BatchNorm1d(4)})
    module["b"].weight = module["a"].weight
    assert bytes_by_device(module) == {"cpu": 4 * (15 + 5) + 4 * 4 * 4 + 8}
    module["a"].to("meta")
    assert bytes_by_device(module["a"]) == {"meta": 4 * 20}


def test_what_an_offloading_hook_keeps_counts_on_the_host(tiny_pipeline):
    unet = tiny_pipeline().unet
    expected = bytes_by_device(unet)
    assert expected == {"cpu": sum(each.nbytes for each in unet.parameters())}
    assert bytes_by_device(sequential_offload(tiny_pipeline()).unet) == expected


def test_a_session_s_own_controlnet_is_named_beside_the_pipeline_s():
    own, given, unet = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)

    def parts(components, controlnet):
        return model_parts(SimpleNamespace(pipe=SimpleNamespace(components=components), controlnet=controlnet))

    assert parts({"unet": unet, "scheduler": object()}, None) == {"unet": unet}
    assert parts({"unet": unet}, given) == {"unet": unet, "controlnet": given}
    assert parts({"controlnet": own}, own) == {"controlnet": own}
    assert parts({"controlnet": own}, given) == {"controlnet": own, "session_controlnet": given}


def test_a_report_prints_as_a_table():
    report = MemoryReport({"unet": {"cuda:0": 5_135_149_760}}, {"disk": 23_400_000}, 1_000_000, None)
    assert str(report).splitlines() == [
        "                       where            MB",
        "unet                   cuda:0       5135.1",
        "K/V                    disk           23.4",
        "peak of the last call  accelerator     1.0",
    ]


def test_a_call_s_peak_is_what_it_took_beyond_what_was_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 100)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 350)
    meter = PeakMeter()
    with meter.measured(torch.device("cpu")):
        pass
    assert meter.last_call is None
    with pytest.raises(KeyError), meter.measured(torch.device("cuda:0")):
        raise KeyError
    assert meter.last_call == 250


def test_the_process_s_peak_is_in_bytes(monkeypatch):
    held = torch.ones(10_000_000)
    assert 40_000_000 < process_peak() < 10**12 and len(held)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert process_peak() is None
