"""Checkpoints of one file, in the layout of Stability's code: of which family they are, and whether they are whole.

diffusers reads them. What it cannot make a pipeline of is told here in words.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.single_file_utils import SingleFileComponentError
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import PreTrainedModel

from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import UnsupportedModel, WeightsNotFound

UNREADABLE = (OSError, ValueError, LookupError, RuntimeError, SafetensorError, SingleFileComponentError)
"""What diffusers raises for files that it cannot read; KeyError is a LookupError."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "the UNet": ("model.diffusion_model.",),
    "the VAE": ("first_stage_model.", "vae."),
}
"""What every family's file holds, and how the names of its weights start; the families add their text encoders."""


def read_single_file(
    path: Path,
    families: Sequence[type[UNetBackbone]],
    dtype: torch.dtype,
    config: str | os.PathLike[str] | None,
) -> Any:
    """Diffusers' pipeline of a ``.safetensors`` file, on the CPU.

    config: a diffusers folder or hub id whose configuration the file is read with; None: the one that diffusers knows for such a file,
    which it reads from the hub or its cache. Raises WeightsNotFound for a file that is no whole checkpoint, or whose configuration
    cannot be had, and UnsupportedModel for one that predicts otherwise than its configuration says.
    """
    try:
        with safe_open(path, framework="pt") as file:
            names = tuple(file.keys())
    except (OSError, SafetensorError) as error:
        raise WeightsNotFound(f"{path} is no .safetensors file that can be read: {error}") from error
    family = family_of(names, families)
    _check_whole(path, names, family)
    try:
        pipe = family.pipeline_class.from_single_file(str(path), dtype=dtype, **_configuration(config))
    except UNREADABLE as error:
        raise WeightsNotFound(f"{path} could not be loaded: {_told(error)}\n{_way_out(config)}") from error
    _check_filled(path, pipe)
    _check_prediction(path, names, pipe)
    _note_as_folders_do(path, pipe)
    return pipe


def family_of(names: Sequence[str], families: Sequence[type[UNetBackbone]]) -> type[UNetBackbone]:
    """By how the text encoders' weights are named; the first family where nothing tells."""
    return next((each for each in families if _holds(names, tuple(each.single_file_keys.values()))), families[0])


def _holds(names: Sequence[str], prefixes: tuple[str, ...]) -> bool:
    return any(name.startswith(prefixes) for name in names)


def _check_whole(path: Path, names: Sequence[str], family: type[UNetBackbone]) -> None:
    """Raise WeightsNotFound, which names what is missing, for a file that lacks a part of the pipeline."""
    parts = {**PARTS, **{name: (key,) for name, key in family.single_file_keys.items()}}
    missing = {name: keys for name, keys in parts.items() if not _holds(names, keys)}
    if missing:
        told = " and ".join(f"{name} ({' or '.join(f'{key}*' for key in keys)})" for name, keys in missing.items())
        pipeline = family.pipeline_class.__name__
        raise WeightsNotFound(
            f"{path} is no whole checkpoint of {family.family}: it lacks {told}. Give the whole checkpoint, or complete it with diffusers, "
            f"{pipeline}.from_single_file(file, vae=..., text_encoder=...), and give that pipeline as the model."
        )


def _configuration(config: str | os.PathLike[str] | None) -> dict[str, str]:
    return {} if config is None else {"config": str(Path(config).expanduser()) if _is_folder(config) else str(config)}


def _is_folder(config: str | os.PathLike[str]) -> bool:
    return Path(config).expanduser().is_dir()


def _way_out(config: str | os.PathLike[str] | None) -> str:
    if config is None:
        return (
            "A single file does not say how its model is built: diffusers reads that from the hub, once. Where the hub cannot be reached, "
            "or the model is built otherwise, give config=, a diffusers folder of such a model; its weights are not needed."
        )
    if _is_folder(config):
        return f"config={str(config)!r}: expected the diffusers folder of a model that is built as this one is."
    return f"config={str(config)!r} is no folder; as a hub id it has to be in the hub's cache, or the hub has to be in reach."


def _told(error: Exception) -> str:
    if isinstance(error, NotImplementedError):  # weights without values cannot be moved or cast
        return "it lacks weights that its configuration has, so that it is cut, or built otherwise."
    return f"it lacks {error}." if isinstance(error, KeyError) else str(error)


def _check_filled(path: Path, pipe: Any) -> None:
    """Raise WeightsNotFound where the configuration has weights that the file lacks: diffusers leaves text encoders' without values."""
    for part, module in pipe.components.items():
        named = module.named_parameters() if isinstance(module, nn.Module) else ()
        empty = [name for name, parameter in named if parameter.device.type == "meta"]
        if empty:
            raise WeightsNotFound(
                f"{path} lacks {len(empty)} weights of {part}, such as {empty[0]}: the file is cut, or it is built otherwise than its "
                "configuration says. Give config=, a diffusers folder of a model that is built as this one is."
            )


def _check_prediction(path: Path, names: Sequence[str], pipe: Any) -> None:
    """Raise UnsupportedModel for a file that is marked as predicting v where its configuration, and so diffusers, says otherwise."""
    predicts = pipe.scheduler.config.get("prediction_type")
    if "v_pred" in names and predicts != "v_prediction":
        raise UnsupportedModel(
            f"{path} is marked v_pred, and its configuration says {predicts!r}, with which it would draw noise. Give config=, a diffusers "
            "folder whose scheduler has prediction_type='v_prediction' (and rescale_betas_zero_snr=true if it is marked ztsnr)."
        )


def _note_as_folders_do(path: Path, pipe: Any) -> None:
    """Note what loading a folder notes: where the pipeline is from, and its text encoders' dtype, which is part of their fingerprint."""
    pipe.register_to_config(_name_or_path=str(path))
    for module in pipe.components.values():
        if isinstance(module, PreTrainedModel):
            module.config.dtype = module.dtype
