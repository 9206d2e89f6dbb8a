"""Between torch and the store: recipes of what was asked, and K/V as numpy arrays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from seal_sdk.backbone.capture import KeyValue
from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.backbone.layers import SelfAttentionLayer
from seal_sdk.config import Appearance
from seal_sdk.method.quantization import dequantize, quantize
from store import ArraySpec

METHOD_VERSION = 1  # raised whenever the same recipe would give other K/V
_ON_DISK = {
    torch.float32: ("float32", "float32"),
    torch.float16: ("float16", "float16"),
    torch.bfloat16: ("uint16", "bfloat16"),
}
_CODES, _SCALE = "int8 codes", ".scale"
_LOGICAL = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def pixels_digest(image: Image.Image) -> str:
    """SHA-256 of size and RGB pixels: what the image shows, whatever file it came from."""
    return hashlib.sha256(f"{image.size}".encode() + image.convert("RGB").tobytes()).hexdigest()


def mask_digest(mask: np.ndarray) -> str:
    """SHA-256 of a boolean mask's shape and bits."""
    return hashlib.sha256(f"{mask.shape}".encode() + np.packbits(mask.astype(bool)).tobytes()).hexdigest()


def model_recipe(pipe: StableDiffusionXLPipeline, fingerprints: Fingerprints) -> dict[str, Any]:
    """The model by content: an identity serves only models that agree in this."""
    return {
        "unet": fingerprints.of(pipe.unet),
        "vae": fingerprints.of(pipe.vae),
        "vae_tiling": bool(getattr(pipe.vae, "use_tiling", False)),
        "vae_slicing": bool(getattr(pipe.vae, "use_slicing", False)),
        "text_encoder": fingerprints.of(pipe.text_encoder),
        "text_encoder_2": fingerprints.of(pipe.text_encoder_2),
    }


def scheduler_recipe(scheduler: Any) -> dict[str, Any]:
    """Class and configuration of the scheduler, which set the noise level of each timestep."""
    config = {key: _plain(value) for key, value in scheduler.config.items() if not key.startswith("_")}
    return {"class": type(scheduler).__name__, "config": config}


def _plain(value: Any) -> Any:
    """A value of a configuration as a recipe can hold it: infinities and NaN by their names, arrays as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # arrays, tensors and numpy's numbers, of which str() would show a part
        return _plain(value.tolist())
    return str(value)


def build_recipe(
    *,
    image: Image.Image,
    prompt: str,
    subject: Mapping[str, Any],
    model: Mapping[str, Any],
    scheduler: Any,
    timesteps: Sequence[int],
    layers: Sequence[SelfAttentionLayer],
    appearance: Appearance,
    dtype: torch.dtype,
    backend: str,
) -> dict[str, Any]:
    """Everything that can change an identity's K/V, by content and not by name; the store's key is its digest.

    image: the reference as the VAE sees it. subject: who says where the subject is. backend: the attention implementation.
    """
    return {
        "method_version": METHOD_VERSION,
        "capture_point": "attn1.to_k/to_v",
        "pixels": pixels_digest(image),
        "size": list(image.size),
        "prompt": prompt,
        "subject": dict(subject),
        "model": dict(model),
        "scheduler": scheduler_recipe(scheduler),
        "timesteps": list(timesteps),
        "layers": [layer.name for layer in layers],
        "latents": appearance.latents,
        "tokens": appearance.stored_tokens,
        "quantization": appearance.quantization,
        "time_ids": [*image.size[::-1], 0, 0, *image.size[::-1]],
        "dtype": str(dtype).removeprefix("torch."),
        "attention_backend": backend,
    }


def attention_backend(layers: Sequence[SelfAttentionLayer]) -> str:
    """The attention processors in use: other kernels give other bits."""
    return ",".join(
        sorted(
            {
                f"{type(p).__name__}:{getattr(p, '_attention_backend', None)}"
                for p in (layer.module.processor for layer in layers)
            }
        )
    )


def array_specs(
    layers: Sequence[SelfAttentionLayer],
    shapes: Mapping[str, tuple[int, int]],
    timesteps: int,
    dtype: torch.dtype,
    quantization: str = "none",
) -> tuple[ArraySpec, ...]:
    """One array per block group, dims (timestep, layer, kv, token, channel).

    With "int8" it holds codes, and an array ``<group>.scale`` holds, along its token axis, scale and offset of each channel.
    """
    on_disk, logical = ("uint8", _CODES) if quantization == "int8" else _ON_DISK[dtype]
    groups: dict[str, list[str]] = {}
    for layer in layers:
        groups.setdefault(layer.group, []).append(layer.name)
    specs = []
    for group, names in groups.items():
        tokens, channels = shapes[names[0]]
        common = (timesteps, len(names), 2)
        specs.append(ArraySpec(group, (*common, tokens, channels), on_disk, logical, tuple(names)))
        if quantization == "int8":
            specs.append(ArraySpec(group + _SCALE, (*common, 2, channels), "float32", "float32", tuple(names)))
    return tuple(specs)


def to_arrays(step: Mapping[str, KeyValue], specs: Sequence[ArraySpec]) -> dict[str, np.ndarray]:
    """One timestep's K/V as the store's arrays, each (layer, kv, token, channel)."""
    arrays = {}
    for spec in _main(specs):
        if spec.logical_dtype == _CODES:
            pairs = [[quantize(tensor) for tensor in step[name]] for name in spec.layers]
            for index, name in enumerate((spec.name, spec.name + _SCALE)):
                arrays[name] = _numpy(torch.stack([torch.stack([each[index] for each in pair]) for pair in pairs]))
        else:
            arrays[spec.name] = _numpy(torch.stack([torch.stack(step[name]) for name in spec.layers]))
    return arrays


def _main(specs: Sequence[ArraySpec]) -> list[ArraySpec]:
    return [spec for spec in specs if not spec.name.endswith(_SCALE)]


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.cpu().contiguous()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()


def to_key_values(
    arrays: Mapping[str, np.ndarray], specs: Sequence[ArraySpec], device: torch.device, dtype: torch.dtype
) -> dict[str, KeyValue]:
    """The reverse: layer name -> (K, V), each (tokens, channels), in the UNet's dtype on its device."""
    found = {}
    for spec in _main(specs):
        tensor = torch.from_numpy(arrays[spec.name])
        if spec.logical_dtype == _CODES:
            scale = torch.from_numpy(arrays[spec.name + _SCALE]).to(device)
            tensor = dequantize(tensor.to(device), scale, dtype)
        elif spec.dtype != spec.logical_dtype:
            tensor = tensor.view(_LOGICAL[spec.logical_dtype])
        tensor = tensor.to(device, dtype)
        found.update({name: (tensor[index, 0], tensor[index, 1]) for index, name in enumerate(spec.layers)})
    return found
