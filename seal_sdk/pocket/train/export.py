"""From checkpoints to the package's assets: a pipeline folder for diffusers and SAM's weights, mostly in half precision."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from safetensors.torch import save_file

from seal_sdk.pocket.models import build_scheduler, build_vae
from seal_sdk.pocket.sam import build_sam
from seal_sdk.pocket.train.loop import averaged
from seal_sdk.pocket.train.unet import new_denoiser


def export(folder: Path, assets: Path) -> None:
    """Write the trained models of ``folder`` into ``assets``; a SAM that was not trained there stays as it is."""
    assets.mkdir(parents=True, exist_ok=True)
    if (folder / "sam.pt").is_file():
        export_sam(folder, assets / "sam.safetensors")
    export_pipeline(folder, assets / "pipeline")


def export_sam(folder: Path, target: Path) -> None:
    sam = build_sam()
    sam.load_state_dict(averaged(folder / "sam.pt"))
    save_file({name: tensor.half().contiguous() for name, tensor in sam.state_dict().items()}, target)


def export_pipeline(folder: Path, target: Path) -> None:
    model, tokenizer = new_denoiser(folder)
    model.load_state_dict(averaged(folder / "unet.pt"))
    vae = build_vae()  # built and filled, since a loaded one would write the folder it came from into its configuration
    vae.load_state_dict(AutoencoderKL.from_pretrained(folder / "vae").state_dict())
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=model.text_encoder,
        text_encoder_2=model.text_encoder_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=model.unet.to(memory_format=torch.contiguous_format),
        scheduler=build_scheduler(),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    for part in (pipe.unet, pipe.vae):
        part.half()  # the text encoders stay as they are: transformers loads files in their own dtype, diffusers in fp32
    pipe.save_pretrained(target, safe_serialization=True)
    for name in ("tokenizer", "tokenizer_2"):
        for file in ("vocab.json", "merges.txt"):  # what transformers 4 reads
            shutil.copyfile(folder / "tokenizer" / file, target / name / file)
