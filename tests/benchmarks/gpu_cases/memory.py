"""The peak of the GPU's memory, with all of SDXL on it."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderKL
from full_size import Setup
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from gpu_cases.bench import Bench, Rows, drawing, registered

WANTED_GIB = 8.70  # SeAl's peak at 512 px in half precision, as its paper states it


def complete(pipe: Any, setup: Setup) -> None:
    """Give the pipeline text encoders and a VAE of SDXL's full size, with random weights."""
    ids = dict(vocab_size=49408, bos_token_id=pipe.tokenizer.bos_token_id, eos_token_id=pipe.tokenizer.eos_token_id)
    first = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    second = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20)
    with torch.device(setup.device):
        encoders = (
            CLIPTextModel(CLIPTextConfig(**first, **ids)),
            CLIPTextModelWithProjection(CLIPTextConfig(**second, projection_dim=1280, **ids)),
        )
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
            sample_size=1024,
            scaling_factor=0.13025,
            force_upcast=False,
        )
    for name, part in zip(("text_encoder", "text_encoder_2", "vae"), (*encoders, vae), strict=True):
        pipe.register_modules(**{name: part.to(setup.dtype).eval()})


def memory(bench: Bench) -> Rows:
    """Peaks of plain diffusers and of the method, with all of SDXL on the GPU."""
    setup = bench.setup(512)
    pipe = bench.pipeline(setup)
    pipe.set_progress_bar_config(disable=True)
    if not bench.tiny:
        complete(pipe, setup)
    images, how = drawing(setup, steps=4)
    bench.forget()
    with registered(pipe, setup) as session:
        rows: Rows = {"registering": {"peak, GiB": bench.peak_gib()}}
        for upcast in (False, True):
            pipe.vae.register_to_config(force_upcast=upcast)
            name = "VAE in fp32" if upcast else "VAE in fp16"
            bench.forget()
            pipe(images[1], height=setup.side, width=setup.side, num_inference_steps=4)
            rows[f"plain diffusers, {name}"] = {"peak, GiB": bench.peak_gib()}
            bench.forget()
            session.generate(*images, **how)
            rows[f"with an identity, {name}"] = {"peak, GiB": bench.peak_gib(), "wanted": f"<= {WANTED_GIB}"}
    return rows
