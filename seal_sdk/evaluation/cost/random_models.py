"""Models of SDXL's size with random weights: what they draw means nothing, what they cost is what SDXL costs.

The imports name the modules that define diffusers' classes: the package itself shows type checkers placeholders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from seal_sdk.backbone.loading import quiet_unless_terminal
from seal_sdk.evaluation.baselines.adapter_weights import ENCODER, FILE, FOLDER
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import Adapter
from seal_sdk.pocket import PIPELINE_FOLDER

Model = TypeVar("Model", bound=nn.Module)
IMAGE_TOKENS = 4  # of an IP-Adapter

SDXL_BLOCKS: Mapping[str, Any] = dict(
    block_out_channels=(320, 640, 1280),
    down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    transformer_layers_per_block=(1, 2, 10),
    attention_head_dim=(5, 10, 20),
    cross_attention_dim=2048,
    addition_embed_type="text_time",
    addition_time_embed_dim=256,
    projection_class_embeddings_input_dim=2816,
    use_linear_projection=True,
)
IMAGE_ENCODER: Mapping[str, Any] = dict(  # OpenCLIP's ViT-bigG, which h94/IP-Adapter has beside SDXL's adapter
    hidden_size=1664,
    intermediate_size=8192,
    projection_dim=1280,
    num_hidden_layers=48,
    num_attention_heads=16,
    image_size=224,
    patch_size=14,
)
SMALL_IMAGE_ENCODER: Mapping[str, Any] = dict(  # beside a small UNet
    hidden_size=32,
    intermediate_size=48,
    projection_dim=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    image_size=32,
    patch_size=8,
)


def random_module(build: Callable[[], Model], device: torch.device | str, dtype: torch.dtype) -> Model:
    """A module with small random weights, always the same, without the memory and time that its own initialisation takes."""
    with torch.device("meta"):
        module = build()
    nn.Module.to(module, dtype)  # the `to` of diffusers' models has no usable type
    nn.Module.to_empty(module, device=device)
    generator = torch.Generator(device).manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02, generator=generator)
        else:
            nn.init.ones_(parameter)
    module.eval()
    return module


def random_unet(
    side: int, device: torch.device | str, dtype: torch.dtype, blocks: Mapping[str, Any] = SDXL_BLOCKS
) -> UNet2DConditionModel:
    """SDXL's UNet, 2.57 B parameters, or one of other blocks, for images of so many pixels a side."""
    built: UNet2DConditionModel = random_module(
        lambda: UNet2DConditionModel(sample_size=side // 8, **blocks), device, dtype
    )
    return built


def random_pipeline(side: int, device: torch.device | str, dtype: torch.dtype) -> StableDiffusionXLPipeline:
    """SDXL's UNet at full size; VAE and text encoders of SDXL's widths with few layers, which cost little beside it."""
    tokenizer = CLIPTokenizer.from_pretrained(PIPELINE_FOLDER / "tokenizer")
    ids = dict(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        num_hidden_layers=2,
    )
    first = CLIPTextConfig(hidden_size=768, num_attention_heads=12, **ids)
    second = CLIPTextConfig(hidden_size=1280, num_attention_heads=20, projection_dim=1280, **ids)
    place: Any = dict(device=device, dtype=dtype)
    return StableDiffusionXLPipeline(
        vae=nn.Module.to(_vae(side), **place),
        text_encoder=nn.Module.to(CLIPTextModel(first), **place),
        text_encoder_2=nn.Module.to(CLIPTextModelWithProjection(second), **place),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=random_unet(side, device, dtype),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="leading",
        ),
        add_watermarker=False,
    )


def _vae(side: int) -> AutoencoderKL:
    built: AutoencoderKL = AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        sample_size=side,
        force_upcast=False,
    )
    return built


def save_random_adapter(folder: Path, pipe: Any) -> Adapter:
    """A ControlNet and an IP-Adapter for the pipeline's UNet, saved to a folder in the layouts that diffusers loads.

    They are as large as SDXL's own where the UNet is (7 GB on the disk in half precision with the image encoder), else small.
    """
    unet, dtype = pipe.unet, pipe.unet.dtype
    halvings = round(math.log2(pipe.vae_scale_factor))
    widths = (16, 32, 96, 256)[: halvings + 1]
    build: Any = ControlNetModel.from_unet  # it has no usable type
    net = random_module(
        lambda: build(unet, conditioning_embedding_out_channels=widths, load_weights_from_unet=False), "cpu", dtype
    )
    encoder = IMAGE_ENCODER if unet.config["cross_attention_dim"] >= 1024 else SMALL_IMAGE_ENCODER
    vision = CLIPVisionConfig(**encoder)
    image_encoder = random_module(lambda: CLIPVisionModelWithProjection(vision), "cpu", dtype)
    with quiet_unless_terminal():
        net.save_pretrained(folder / "controlnet")
        image_encoder.save_pretrained(folder / FOLDER / ENCODER)
    generator = torch.Generator().manual_seed(0)
    weights = ip_adapter_weights(
        unet, encoder["projection_dim"], lambda *shape: 0.02 * torch.randn(*shape, generator=generator)
    )
    file = folder / FOLDER / FILE
    save_file({name: each.to(dtype) for name, each in weights.items()}, file)
    return Adapter(str(folder / "controlnet"), file)


def ip_adapter_weights(unet: Any, projected: int, random: Callable[..., Tensor]) -> dict[str, Tensor]:
    """Weights under the names of IP-Adapter's files: the image's tokens, and a K and V of them in every cross-attention.

    projected: channels of the image's embedding. random: gives a tensor of a shape.
    """
    wide, modules = unet.config["cross_attention_dim"], dict(unet.named_modules())
    weights = {
        "image_proj.proj.weight": random(IMAGE_TOKENS * wide, projected),
        "image_proj.proj.bias": random(IMAGE_TOKENS * wide),
        "image_proj.norm.weight": torch.ones(wide),
        "image_proj.norm.bias": torch.zeros(wide),
    }
    for number, name in enumerate(unet.attn_processors):
        if "attn2" in name:
            channels = modules[name.removesuffix(".processor")].to_k.out_features
            for part in ("k", "v"):
                weights[f"ip_adapter.{number}.to_{part}_ip.weight"] = random(channels, wide)
    return weights
