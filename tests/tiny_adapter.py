"""A tiny seeded ControlNet and IP-Adapter for the tiny pipeline, in the layouts that diffusers loads."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection


def controlnet(folder: Path, unet: UNet2DConditionModel, seed: int = 0) -> Path:
    """As diffusers saves it; a new one would be all zeros at its outputs, so noise is added."""
    torch.manual_seed(seed)
    net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16, 32))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    net.save_pretrained(folder)
    return folder


def adapter(folder: Path, unet: UNet2DConditionModel, seed: int = 0) -> Path:
    """As in h94/IP-Adapter: sdxl_models/ip-adapter_sdxl.safetensors, and sdxl_models/image_encoder/."""
    torch.manual_seed(seed)
    encoder = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
    )
    CLIPVisionModelWithProjection(encoder).save_pretrained(folder / "sdxl_models" / "image_encoder")
    wide = unet.config.cross_attention_dim
    weights: dict[str, Tensor] = {
        "image_proj.proj.weight": torch.randn(4 * wide, 32),
        "image_proj.proj.bias": torch.randn(4 * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    modules = dict(unet.named_modules())
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            inner = modules[name.removesuffix(".processor")].to_k.out_features
            for part in ("k", "v"):
                weights[f"ip_adapter.{number}.to_{part}_ip.weight"] = torch.randn(inner, wide)
    save_file(weights, folder / "sdxl_models" / "ip-adapter_sdxl.safetensors")
    return folder
