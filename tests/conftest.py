"""Shared fixtures: a tiny seeded SDXL pipeline, so that the real code path runs on a CPU in milliseconds, and a reference image."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from seal_sdk.pocket import world

torch.set_num_threads(2)


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory) -> CLIPTokenizer:
    """CLIP's tokenizer with single bytes as its whole vocabulary."""
    folder: Path = tmp_path_factory.mktemp("tokenizer")
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=77)


def _text_config() -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        hidden_size=32,
        intermediate_size=37,
        num_attention_heads=4,
        num_hidden_layers=3,
        projection_dim=32,
    )


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(32, 64, 64),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4, 4),
        transformer_layers_per_block=(1, 1, 2),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
        cross_attention_dim=64,
        norm_num_groups=8,
    )


@pytest.fixture
def tiny_pipeline(tiny_tokenizer) -> Callable[..., StableDiffusionXLPipeline]:
    """tiny_pipeline(seed=0): a new pipeline of SDXL's architecture, 128 px, VAE factor 4, random weights of that seed."""

    def make(seed: int = 0) -> StableDiffusionXLPipeline:
        torch.manual_seed(seed)
        return StableDiffusionXLPipeline(
            vae=AutoencoderKL(
                block_out_channels=(16, 32, 32),
                down_block_types=("DownEncoderBlock2D",) * 3,
                up_block_types=("UpDecoderBlock2D",) * 3,
                latent_channels=4,
                norm_num_groups=8,
                sample_size=128,
            ),
            text_encoder=CLIPTextModel(_text_config()),
            text_encoder_2=CLIPTextModelWithProjection(_text_config()),
            tokenizer=tiny_tokenizer,
            tokenizer_2=tiny_tokenizer,
            unet=_unet(),
            scheduler=EulerDiscreteScheduler(
                beta_start=0.00085,
                beta_end=0.012,
                beta_schedule="scaled_linear",
                steps_offset=1,
                timestep_spacing="leading",
            ),
            add_watermarker=False,
        )

    return make


@pytest.fixture(scope="session")
def reference_image() -> Image.Image:
    """A photo of the embedded model's world, 128x128."""
    sample = world.sample(500_000)
    return Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image)


@pytest.fixture(scope="session")
def structure_image() -> Image.Image:
    """A mesh of another pose of that species, 128x128."""
    sample = world.sample(500_000)
    other = next(
        s for seed in range(500_001, 500_100) if (s := world.sample(seed)).identity.species == sample.identity.species
    )
    return Image.fromarray(world.render(other.identity, other.pose, other.scene, kind="mesh").image)
