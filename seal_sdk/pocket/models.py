"""Pocket's models: the classes and block types of SDXL, very small.

The imports name the modules that define diffusers' classes: the package itself shows type checkers placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from seal_sdk.pocket.design import SHIPPED, Design

TEXT_WIDTH = 64  # channels of each text encoder
TIME_WIDTH = 32  # channels per added time id

CONDITIONING: Mapping[str, Any] = dict(  # how the UNet, and what steers it, reads prompts and sizes
    use_linear_projection=True,
    addition_embed_type="text_time",
    addition_time_embed_dim=TIME_WIDTH,
    projection_class_embeddings_input_dim=6 * TIME_WIDTH + TEXT_WIDTH,
    cross_attention_dim=2 * TEXT_WIDTH,
    norm_num_groups=24,
)

Model = TypeVar("Model", bound=nn.Module)


def channels_last(model: Model) -> Model:
    """Lay out a model's weights with channels last, in place. Convolutions are faster with it."""
    nn.Module.to(model, memory_format=torch.channels_last)  # the `to` of diffusers' models has no usable type
    return model


def channels_first(model: Model) -> Model:
    """Lay out a model's weights as files hold them, in place."""
    nn.Module.to(model, memory_format=torch.contiguous_format)
    return model


def build_vae(design: Design = SHIPPED) -> AutoencoderKL:
    """Build the VAE: RGB images to latents, as shipped 128 px to (8, 32, 32)."""
    vae: AutoencoderKL = AutoencoderKL(
        block_out_channels=design.vae_widths,
        down_block_types=("DownEncoderBlock2D",) * len(design.vae_widths),
        up_block_types=("UpDecoderBlock2D",) * len(design.vae_widths),
        latent_channels=design.latent_channels,
        norm_num_groups=8,
        sample_size=design.image_size,
        layers_per_block=1,
        mid_block_add_attention=False,
        force_upcast=False,
        scaling_factor=1.0,
    )
    return vae


def load_vae(folder: Path, device: torch.device | str = "cpu") -> AutoencoderKL:
    """Load a VAE that diffusers saved, in fp32."""
    vae: AutoencoderKL = AutoencoderKL.from_pretrained(folder, dtype=torch.float32)
    nn.Module.to(vae, device)
    return vae


def build_unet(design: Design = SHIPPED) -> UNet2DConditionModel:
    """Build the UNet: self-attention at 16x16 and 8x8 tokens, two transformer layers in the inner blocks."""
    unet: UNet2DConditionModel = UNet2DConditionModel(
        sample_size=design.latent_size,
        in_channels=design.latent_channels,
        out_channels=design.latent_channels,
        block_out_channels=design.unet_widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(3, 3, 6),  # diffusers' name for the number of heads
        transformer_layers_per_block=(1, 1, 2),
        **CONDITIONING,
    )
    return unet


def text_config(vocabulary: int, bos: int, eos: int) -> CLIPTextConfig:
    """Configure a text encoder of three layers, of which SDXL reads the last but one.

    Args:
        vocabulary: Number of tokens.
        bos: Id of the token that begins a text.
        eos: Id of the token that ends and pads a text.
    """
    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=TEXT_WIDTH,
        intermediate_size=4 * TEXT_WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=77,
        projection_dim=TEXT_WIDTH,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=eos,
        hidden_act="gelu",
    )


def build_scheduler() -> DDIMScheduler:
    """Build the scheduler: SDXL's betas, rescaled to zero terminal SNR, with v-prediction.

    Both together keep the overall brightness and colour right (arXiv 2305.08891, sections 3.1 and 3.2).
    """
    scheduler: DDIMScheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )
    return scheduler


class Denoiser(nn.Module):
    """The UNet and both text encoders, which are trained together. vocabulary, bos, eos: of `text_config`."""

    def __init__(self, vocabulary: int, bos: int, eos: int, design: Design = SHIPPED) -> None:
        super().__init__()
        self.design = design
        self.unet = channels_last(build_unet(design))
        self.text_encoder = CLIPTextModel(text_config(vocabulary, bos, eos))
        self.text_encoder_2 = CLIPTextModelWithProjection(text_config(vocabulary, bos, eos))
        for encoder in (self.text_encoder, self.text_encoder_2):
            for parameter in encoder.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=0.04)
        for parameter in self.unet.conv_out.parameters():
            nn.init.zeros_(parameter)

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Encode token ids (B, 77) to embeddings (B, 77, 128) and pooled (B, 64), as the SDXL pipeline does."""
        first = self.text_encoder(ids, output_hidden_states=True).hidden_states[-2]
        second = self.text_encoder_2(ids, output_hidden_states=True)
        return torch.cat([first, second.hidden_states[-2]], dim=-1), second.text_embeds

    def forward(self, latents: Tensor, timesteps: Tensor, embeds: Tensor, pooled: Tensor) -> Tensor:
        """Predict v, of the latents' shape.

        Args:
            latents: (B, C, 32, 32), noisy.
            timesteps: (B,) in [0, 1000).
            embeds: (B, 77, 128) of the prompts.
            pooled: (B, 64) of the prompts.
        """
        added = {"text_embeds": pooled, "time_ids": self.time_ids(latents)}
        velocity: Tensor = self.unet(latents, timesteps, encoder_hidden_states=embeds, added_cond_kwargs=added).sample
        return velocity

    def time_ids(self, latents: Tensor) -> Tensor:
        """SDXL's size ids (B, 6) of B whole images."""
        side = self.design.image_size
        return latents.new_tensor([[side, side, 0, 0, side, side]]).expand(len(latents), 6)
