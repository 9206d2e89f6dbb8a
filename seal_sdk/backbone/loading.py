"""From whatever the user calls a model to its backbone, on the right device and in the right precision."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from seal_sdk.backbone.control import load_controlnet
from seal_sdk.backbone.placement import place
from seal_sdk.backbone.sd15 import SD15Backbone
from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.backbone.single_file import read_single_file
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError, UnsupportedModel, WeightsNotFound
from seal_sdk.pocket import PIPELINE_FOLDER

BACKBONES: tuple[type[UNetBackbone], ...] = (SDXLBackbone, SD15Backbone)
"""The families of models; a new one is a file and its name here."""
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
ACCELERATORS = ("cpu", "cuda", "mps")
SMALL_MODEL_BYTES = 2**30  # below this, fp32 on a CPU costs nothing worth saving


def choose_device(accelerator: str) -> torch.device:
    """The device for "auto", "cpu", "cuda", "cuda:1" or "mps". Raises ConfigError for one that this machine lacks."""
    if accelerator in ("auto", "gpu"):
        found = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        if accelerator == "auto" or found != "cpu":
            return torch.device(found)
        raise ConfigError("accelerator='gpu': this machine has none that torch can use; choose 'cpu' or 'auto'.")
    kind, _, index = accelerator.partition(":")
    if kind not in ACCELERATORS or (index and not index.isdigit()):
        raise ConfigError(f"accelerator={accelerator!r}: expected 'auto', 'gpu', 'cpu', 'cuda', 'cuda:N' or 'mps'.")
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[kind]
    if not here or (kind == "cuda" and index and int(index) >= torch.cuda.device_count()):
        raise ConfigError(
            f"accelerator={accelerator!r}: torch finds no such device on this machine; choose 'cpu' or 'auto'."
        )
    return torch.device(accelerator)


def choose_dtype(precision: str, device: torch.device, weights_bytes: int) -> torch.dtype:
    """The dtype for "auto", "fp32", "fp16" or "bf16": "auto" is fp16 on GPUs; on a CPU fp32 for small models and bf16 for large ones."""
    if precision != "auto":
        if precision not in PRECISIONS:
            raise ConfigError(f"precision={precision!r}: expected 'auto' or one of {', '.join(PRECISIONS)}.")
        return PRECISIONS[precision]
    if device.type != "cpu":
        return torch.float16
    return torch.float32 if weights_bytes < SMALL_MODEL_BYTES else torch.bfloat16


def load_backbone(
    model: str | os.PathLike[str] | DiffusionPipeline,
    accelerator: str = "auto",
    precision: str = "auto",
    variant: str | None = None,
    controlnet: Any = None,
    config: str | os.PathLike[str] | None = None,
    low_memory: bool = False,
) -> UNetBackbone:
    """The backbone of "pocket", a diffusers folder, a hub id, a single ``.safetensors`` file, or a pipeline that the app already has.

    variant: the weights' variant in a folder or on the hub, such as "fp16". controlnet: as `load_controlnet` takes it; None: the
    pipeline's own, if it has one. config: a folder or hub id whose configuration a single file is read with (diffusers' ``config=``).
    low_memory: each model is on the accelerator only while it runs (`placement.place`).
    A given pipeline and ControlNet stay on their device and in their dtype unless ``accelerator`` or ``precision`` say otherwise.
    Raises ConfigError for a device or precision that is not to be had, for a config without a single file, and for a ControlNet that does
    not fit; WeightsNotFound when the model is not here and cannot be fetched; and UnsupportedModel when it is of no family that is known.
    """
    device = choose_device(accelerator)
    _check_config(model, config)
    if isinstance(model, (str, os.PathLike)):
        source = _source(os.fspath(model))
        dtype = choose_dtype(precision, device, _size_on_disk(source))
        backbone = _recognized(_read(source, dtype, variant, config))
        place(backbone.pipe, device, low_memory)
    else:
        backbone = _recognized(model)
        if precision != "auto":
            backbone.pipe.to(dtype=choose_dtype(precision, device, 0))
        if accelerator != "auto" or low_memory:
            place(backbone.pipe, device if accelerator != "auto" else backbone.device, low_memory)
    _add_controlnet(backbone, controlnet, accelerator, precision)
    return backbone


def _add_controlnet(backbone: UNetBackbone, given: Any, accelerator: str, precision: str) -> None:
    """Give the backbone its ControlNet or adapter, else the pipeline's own. Raises ConfigError for one that does not fit the model."""
    own = getattr(backbone.pipe, "controlnet", None) or getattr(backbone.pipe, "adapter", None)
    module = load_controlnet(own if given is None else given, backbone.device, backbone.dtype)
    if module is None:
        return
    if given is not None and accelerator != "auto":
        module.to(backbone.device)
    if given is not None and precision != "auto":
        module.to(backbone.dtype)
    backbone.controlnet = module
    if backbone.control_model is not None:
        backbone.control_model.check_fit()


def _source(model: str) -> str:
    if model == "pocket":
        return str(PIPELINE_FOLDER)
    path = Path(model).expanduser()
    return str(path) if path.exists() else model


def _size_on_disk(source: str) -> int:
    """Bytes of the weights; a model that is still on the hub counts as large."""
    path = Path(source)
    if path.is_file():
        return path.stat().st_size
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*.safetensors"))
    return SMALL_MODEL_BYTES


def _is_single_file(source: str) -> bool:
    return Path(source).suffix == ".safetensors"


def _check_config(model: Any, config: Any) -> None:
    if config is not None and not (isinstance(model, (str, os.PathLike)) and _is_single_file(os.fspath(model))):
        raise ConfigError(
            f"config={config!r} goes with a single .safetensors file; other models bring their configuration."
        )


def _read(source: str, dtype: torch.dtype, variant: str | None, config: str | os.PathLike[str] | None) -> Any:
    path = Path(source)
    if path.suffix in (".ckpt", ".pt", ".pth", ".bin"):
        raise UnsupportedModel(f"{source}: pickled checkpoints can run code when loaded; convert it to .safetensors.")
    looks_local = path.is_absolute() or source.startswith(("./", "../", "~")) or _is_single_file(source)
    if looks_local and not path.exists():
        raise WeightsNotFound(f"There is no model at {source}.")
    if _is_single_file(source):
        with quiet_unless_terminal():
            return read_single_file(path, BACKBONES, dtype, config)
    try:
        with quiet_unless_terminal():
            return _family_of_folder(source).pipeline_class.from_pretrained(source, dtype=dtype, variant=variant)
    except (OSError, ValueError, SafetensorError) as error:
        raise WeightsNotFound(
            f"model={source!r} could not be loaded: {error}\n"
            "Give 'pocket', a diffusers folder, a hub id, a .safetensors file or a pipeline of diffusers. Without a network, "
            "download the model elsewhere and give its folder."
        ) from error


def _family_of_folder(source: str) -> type[UNetBackbone]:
    """By the class that ``model_index.json`` names; the first family where that is unknown, which then says what is wrong."""
    load_config: Any = DiffusionPipeline.load_config  # it has no types
    named = str(load_config(source).get("_class_name"))
    names = {each: each.pipeline_class.__name__.removesuffix("Pipeline") for each in BACKBONES}
    return next((each for each in BACKBONES if named.startswith(names[each])), BACKBONES[0])


@contextmanager
def quiet_unless_terminal() -> Iterator[None]:
    """Loading bars are for people: off while nobody watches, and afterwards as they were."""
    libraries = [library for library in (diffusers_logging, transformers_logging) if library.is_progress_bar_enabled()]
    if sys.stderr.isatty():
        libraries = []
    for library in libraries:
        library.disable_progress_bar()
    try:
        yield
    finally:
        for library in libraries:
            library.enable_progress_bar()


def _recognized(pipe: Any) -> UNetBackbone:
    """The pipeline as a backbone of its family. Raises UnsupportedModel for other models."""
    missing = [part for part in ("unet", "vae", "scheduler", "encode_prompt") if getattr(pipe, part, None) is None]
    family = None if missing else next((each for each in BACKBONES if each.accepts(pipe)), None)
    if family is None:
        known = " or ".join(each.family for each in BACKBONES)
        why = f"it lacks {', '.join(missing)}" if missing else "its UNet takes other conditioning"
        raise UnsupportedModel(f"{type(pipe).__name__} is not a pipeline of {known} ({why}).")
    return family(pipe)
