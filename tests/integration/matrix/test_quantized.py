"""Quantised UNets: how a weight is quantised and used is part of the model."""

from __future__ import annotations

import pytest
import torch
from fixtures.pipeline_states import torchao

from seal_sdk.backbone.fingerprint import Fingerprints, fingerprint

CONFIGS = ("Int8WeightOnlyConfig", "Int8DynamicActivationInt8WeightConfig", "Float8WeightOnlyConfig")


@pytest.fixture(autouse=True)
def _needs_torchao():
    pytest.importorskip("torchao")


def test_every_way_to_quantise_is_a_model_of_its_own_and_always_the_same(tiny_pipeline):
    unets = [torchao(config)(tiny_pipeline()).unet for config in CONFIGS]
    plain = fingerprint(tiny_pipeline().unet)
    found = [fingerprint(unet) for unet in unets]
    assert len({plain, *found}) == 4
    assert found == [fingerprint(torchao(config)(tiny_pipeline()).unet) for config in CONFIGS]


def test_a_changed_scale_is_seen(tiny_pipeline):
    unet, known = torchao("Int8WeightOnlyConfig")(tiny_pipeline()).unet, Fingerprints()
    before = known.of(unet)
    assert known.of(unet) == before
    with torch.no_grad():
        unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_k.weight.scale.mul_(2)
    assert known.of(unet) != before
