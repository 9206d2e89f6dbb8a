"""From whatever the user calls a model to a ``StableDiffusionXLPipeline`` on the right device, in the right precision."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from seal_sdk.errors import ConfigError, UnsupportedModel, WeightsNotFound
from seal_sdk.pocket import PIPELINE_FOLDER

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


def load_pipeline(
    model: str | os.PathLike[str] | StableDiffusionXLPipeline,
    accelerator: str = "auto",
    precision: str = "auto",
    variant: str | None = None,
) -> StableDiffusionXLPipeline:
    """The pipeline of "pocket", a diffusers folder, a hub id, a single ``.safetensors`` file, or a pipeline that the app already has.

    variant: the weights' variant in a folder or on the hub, such as "fp16".
    A given pipeline stays on its device and in its dtype unless ``accelerator`` or ``precision`` say otherwise.
    Raises WeightsNotFound when the model is not here and cannot be fetched, UnsupportedModel when it is not SDXL.
    """
    device = choose_device(accelerator)
    if not isinstance(model, (str, os.PathLike)):
        pipe = _checked(model)
        if accelerator != "auto":
            pipe.to(device)
        if precision != "auto":
            pipe.to(dtype=choose_dtype(precision, device, 0))
        return pipe
    source = _source(os.fspath(model))
    dtype = choose_dtype(precision, device, _size_on_disk(source))
    pipe = _checked(_read(source, dtype, variant))
    return pipe.to(device)


def load_controlnet(controlnet: Any, pipe: StableDiffusionXLPipeline) -> Any:
    """A ``ControlNetModel`` from an object, a folder or a hub id, on the pipeline's device and in its dtype."""
    if controlnet is None or not isinstance(controlnet, (str, os.PathLike)):
        return controlnet
    try:
        loaded = ControlNetModel.from_pretrained(os.fspath(controlnet), dtype=pipe.unet.dtype)
    except OSError as error:
        raise WeightsNotFound(
            f"controlnet={controlnet!r} is neither a diffusers folder nor a hub id that can be reached: {error}"
        ) from error
    return loaded.to(pipe._execution_device)


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


def _read(source: str, dtype: torch.dtype, variant: str | None) -> Any:
    path = Path(source)
    if path.suffix in (".ckpt", ".pt", ".pth", ".bin"):
        raise UnsupportedModel(f"{source}: pickled checkpoints can run code when loaded; convert it to .safetensors.")
    looks_local = path.is_absolute() or source.startswith(("./", "../", "~")) or path.suffix == ".safetensors"
    if looks_local and not path.exists():
        raise WeightsNotFound(f"There is no model at {source}.")
    try:
        with quiet_unless_terminal():
            if path.suffix == ".safetensors":
                return StableDiffusionXLPipeline.from_single_file(source, dtype=dtype)
            return StableDiffusionXLPipeline.from_pretrained(source, dtype=dtype, variant=variant)
    except (OSError, ValueError) as error:
        raise WeightsNotFound(
            f"model={source!r} could not be loaded: {error}\n"
            "Give 'pocket', a diffusers folder, a hub id, a .safetensors file or a StableDiffusionXLPipeline. Without a network, "
            "download the model elsewhere and give its folder."
        ) from error


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


def _checked(pipe: Any) -> StableDiffusionXLPipeline:
    missing = [part for part in ("unet", "vae", "scheduler", "encode_prompt") if getattr(pipe, part, None) is None]
    if missing or getattr(pipe.unet.config, "addition_embed_type", None) != "text_time":
        raise UnsupportedModel(
            f"{type(pipe).__name__} is not a Stable Diffusion XL pipeline"
            + (f" (it lacks {', '.join(missing)})." if missing else " (its UNet takes no text_time embeddings).")
        )
    return pipe
