"""Pocket's models: SDXL's own classes and block types, very small."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from seal_sdk.pocket import IMAGE_SIZE

VAE_FACTOR = 4
LATENT_CHANNELS = 8
TEXT_WIDTH = 64
TIME_WIDTH = 32


def build_vae() -> AutoencoderKL:
    """128 px RGB to 8x32x32 latents."""
    return AutoencoderKL(
        block_out_channels=(16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=IMAGE_SIZE,
        layers_per_block=1,
        mid_block_add_attention=False,
        force_upcast=False,
        scaling_factor=1.0,
    )


def build_unet() -> UNet2DConditionModel:
    """Self-attention at 16x16 and 8x8 tokens, two transformer layers in the inner blocks."""
    return UNet2DConditionModel(
        sample_size=IMAGE_SIZE // VAE_FACTOR,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=(48, 96, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(3, 3, 6),  # diffusers' name for the number of heads
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * TIME_WIDTH + TEXT_WIDTH,
        cross_attention_dim=2 * TEXT_WIDTH,
        norm_num_groups=24,
    )


def text_config(vocabulary: int, bos: int, eos: int) -> CLIPTextConfig:
    """Three layers, of which SDXL reads the last but one."""
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
    """SDXL's betas, rescaled to zero terminal SNR, with v-prediction: overall colours come out right (arXiv 2305.08891)."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=True,
    )


class Denoiser(nn.Module):
    """UNet and both text encoders, trained together."""

    def __init__(self, vocabulary: int, bos: int, eos: int) -> None:
        super().__init__()
        self.unet = build_unet().to(memory_format=torch.channels_last)
        self.text_encoder = CLIPTextModel(text_config(vocabulary, bos, eos))
        self.text_encoder_2 = CLIPTextModelWithProjection(text_config(vocabulary, bos, eos))
        for encoder in (self.text_encoder, self.text_encoder_2):
            for parameter in encoder.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=0.04)
        nn.init.zeros_(self.unet.conv_out.weight)
        nn.init.zeros_(self.unet.conv_out.bias)

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids (B, 77) to embeddings (B, 77, 128) and pooled (B, 64), as the SDXL pipeline reads them."""
        first = self.text_encoder(ids, output_hidden_states=True).hidden_states[-2]
        second = self.text_encoder_2(ids, output_hidden_states=True)
        return torch.cat([first, second.hidden_states[-2]], dim=-1), second.text_embeds

    def forward(self, latents: Tensor, timesteps: Tensor, embeds: Tensor, pooled: Tensor) -> Tensor:
        """Predicted v (B, 8, 32, 32)."""
        ids = latents.new_tensor([[IMAGE_SIZE, IMAGE_SIZE, 0, 0, IMAGE_SIZE, IMAGE_SIZE]]).expand(len(latents), 6)
        added = {"text_embeds": pooled, "time_ids": ids}
        return self.unet(latents, timesteps, encoder_hidden_states=embeds, added_cond_kwargs=added).sample
