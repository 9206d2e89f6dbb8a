"""Export of checkpoints to the package's assets: a pipeline folder for diffusers, and Sam's weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import save_file

from seal_sdk.pocket import CONTROLNET_FOLDER, IP_ADAPTER_FILE, IP_ADAPTER_FOLDER
from seal_sdk.pocket.design import Design
from seal_sdk.pocket.models import build_scheduler, build_vae, channels_first, load_vae
from seal_sdk.pocket.sam import build_sam
from seal_sdk.pocket.train.controlnet import build_controlnet
from seal_sdk.pocket.train.ip_adapter import ImagePrompt
from seal_sdk.pocket.train.loop import load_ema
from seal_sdk.pocket.train.unet import new_denoiser


def export(folder: Path, assets: Path) -> None:
    """Write the models trained in ``folder`` to ``assets``. If no Sam was trained there, the one in ``assets`` stays."""
    assets.mkdir(parents=True, exist_ok=True)
    if (folder / "sam.pt").is_file():
        export_sam(folder, assets / "sam.safetensors")
    export_pipeline(folder, assets / "pipeline")


def export_controls(folder: Path, assets: Path) -> None:
    """Write the ControlNet and the IP-Adapter that were trained in ``folder`` to ``assets``, in fp16; one that was not stays."""
    if (folder / "controlnet.pt").is_file():
        export_controlnet(folder, assets / CONTROLNET_FOLDER.name)
    if (folder / "ip-adapter.pt").is_file():
        export_ip_adapter(folder, assets / IP_ADAPTER_FOLDER.name)


def export_controlnet(folder: Path, target: Path) -> None:
    """Write the averaged weights of ``controlnet.pt`` as a diffusers folder."""
    controlnet = build_controlnet()
    controlnet.load_state_dict(load_ema(folder / "controlnet.pt"))
    _in_half(controlnet).save_pretrained(target, safe_serialization=True)


def export_ip_adapter(folder: Path, target: Path) -> None:
    """Write the averaged weights of ``ip-adapter.pt`` for diffusers' ``load_ip_adapter``: a file, with ``image_encoder/`` beside it."""
    denoiser, _ = new_denoiser(folder)
    model = ImagePrompt(denoiser.unet)
    model.load_state_dict(load_ema(folder / "ip-adapter.pt"))
    _in_half(model.encoder).save_pretrained(target / "image_encoder", safe_serialization=True)
    save_file(
        {name: tensor.half().contiguous() for name, tensor in model.adapter_weights().items()},
        target / IP_ADAPTER_FILE,
    )


def _in_half(model: Any) -> Any:
    return model.to(torch.float16)


def export_sam(folder: Path, target: Path) -> None:
    """Write Sam's averaged weights to a safetensors file, in fp16."""
    sam = build_sam()
    sam.load_state_dict(load_ema(folder / "sam.pt"))
    save_file({name: tensor.half().contiguous() for name, tensor in sam.state_dict().items()}, target)


def export_pipeline(folder: Path, target: Path) -> None:
    """Write a diffusers pipeline folder: UNet and VAE in fp16, text encoders in fp32. Of two trainings, ``text`` is the later one."""
    model, tokenizer = new_denoiser(folder)
    model.load_state_dict(load_ema(folder / ("text.pt" if (folder / "text.pt").is_file() else "unet.pt")))
    vae = build_vae(Design.of(folder))  # a loaded VAE would write the folder that it came from into its configuration
    vae.load_state_dict(load_vae(folder / "vae").state_dict())
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=model.text_encoder,
        text_encoder_2=model.text_encoder_2,
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=channels_first(model.unet),
        scheduler=build_scheduler(),  # type: ignore[arg-type]  # annotated as an enum of names
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )
    for part in (pipe.unet, pipe.vae):
        part.half()  # not the text encoders: transformers keeps a file's dtype, diffusers loads fp32, and both have to agree
    pipe.save_pretrained(target, safe_serialization=True)
    for name in ("tokenizer", "tokenizer_2"):
        for file in ("vocab.json", "merges.txt"):  # what transformers 4 reads
            shutil.copyfile(folder / "tokenizer" / file, target / name / file)
