"""Which self-attention layers are chosen, pinned on full SDXL's architecture (without weights)."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel

from seal_sdk.backbone.attention import self_attention_layers
from seal_sdk.backbone.capture import kv_shapes
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.errors import UnsupportedModel
from seal_sdk.evaluation.cost.random_models import SDXL_BLOCKS

SDXL = dict(sample_size=128, **SDXL_BLOCKS)


@pytest.fixture(scope="module")
def sdxl_unet() -> UNet2DConditionModel:
    with torch.device("meta"):
        return UNet2DConditionModel(**SDXL)


def test_mid_and_up_blocks_hold_46_of_sdxls_70_layers(sdxl_unet):
    assert len(self_attention_layers(sdxl_unet, ("down", "mid", "up"))) == 70
    layers = self_attention_layers(sdxl_unet, ("mid", "up"))
    groups = [layer.group for layer in layers]
    assert len(layers) == 46
    assert {group: groups.count(group) for group in set(groups)} == {"mid": 10, "up0": 30, "up1": 6}


def test_bytes_of_one_sdxl_timestep_at_512_px(sdxl_unet):
    layers = self_attention_layers(sdxl_unet, ("mid", "up"))
    shapes = kv_shapes(layers, (64, 64))
    assert sorted(set(shapes.values())) == [(256, 1280), (1024, 640)]
    assert sum(2 * 2 * tokens * channels for tokens, channels in shapes.values()) == 68_157_440  # K and V in fp16


def test_every_block_can_be_chosen(sdxl_unet):
    assert {layer.group for layer in self_attention_layers(sdxl_unet, ("down",))} == {"down1", "down2"}


def test_a_block_without_self_attention_is_left_out_and_none_at_all_is_an_error(tiny_pipeline):
    unet = tiny_pipeline().unet
    unet.mid_block = torch.nn.Identity()
    assert {layer.group for layer in self_attention_layers(unet, ("mid", "up"))} == {"up0", "up1"}
    with pytest.raises(UnsupportedModel, match="mid"):
        self_attention_layers(unet, ("mid",))


@pytest.mark.parametrize("index", range(3))
def test_a_fused_projection_is_changed_in_its_own_third(tiny_pipeline, index):
    unet = tiny_pipeline().unet
    unet.fuse_qkv_projections()
    layer = self_attention_layers(unet, ("mid",))[0]
    tokens = torch.randn(1, 5, 64)
    plain, seen = layer.module.to_qkv(tokens), []

    def change(output):
        seen.append(output)
        return -output

    with torch.no_grad(), Hooks() as hooks:
        layer.after(("query", "key", "value")[index], hooks, change)
        changed = layer.module.to_qkv(tokens)
    third = slice(64 * index, 64 * (index + 1))
    assert torch.equal(seen[0], plain[..., third]) and torch.equal(changed[..., third], -plain[..., third])
    assert (changed == plain).all(-1).sum() == 0 and (changed == plain).sum() == 2 * changed.numel() // 3


def test_unfused_again_the_hooks_are_on_the_single_projections(tiny_pipeline):
    unet = tiny_pipeline().unet
    unet.fuse_qkv_projections()
    unet.unfuse_qkv_projections()
    layer = self_attention_layers(unet, ("mid",))[0]
    with Hooks() as hooks:
        layer.after("key", hooks, lambda output: None)
        assert layer.module.to_k._forward_hooks and not layer.module.to_qkv._forward_hooks
