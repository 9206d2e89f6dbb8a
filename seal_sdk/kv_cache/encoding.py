"""K/V as the store's arrays and back: one array per block group, in the model's dtype or in eight bits per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from seal_sdk.backbone.base import KeyValue, SelfAttention
from seal_sdk.method.quantization import dequantize, quantize
from store import ArraySpec

Arrays = Mapping[str, NDArray[Any]]
_ON_DISK = {
    torch.float32: ("float32", "float32"),
    torch.float16: ("float16", "float16"),
    torch.bfloat16: ("uint16", "bfloat16"),  # Zarr has no bfloat16: its bits are stored
}
_CODES, _SCALE = "int8 codes", ".scale"
_LOGICAL = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def array_specs(
    layers: Sequence[SelfAttention],
    shapes: Mapping[str, tuple[int, int]],
    timesteps: int,
    dtype: torch.dtype,
    quantization: str = "none",
) -> tuple[ArraySpec, ...]:
    """One array per block group, dims (timestep, layer, kv, token, channel).

    shapes: layer name -> (tokens, channels). With "int8" an array holds codes, and another, ``<group>.scale``, holds, along its token
    axis, scale and offset of each channel.
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


def to_arrays(step: Mapping[str, KeyValue], specs: Sequence[ArraySpec]) -> dict[str, NDArray[Any]]:
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


def to_key_values(
    arrays: Arrays, specs: Sequence[ArraySpec], device: torch.device, dtype: torch.dtype
) -> dict[str, KeyValue]:
    """The reverse: layer name -> (K, V), each (tokens, channels), in the model's dtype on its device."""
    found: dict[str, KeyValue] = {}
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


def _main(specs: Sequence[ArraySpec]) -> list[ArraySpec]:
    return [spec for spec in specs if not spec.name.endswith(_SCALE)]


def _numpy(tensor: torch.Tensor) -> NDArray[Any]:
    tensor = tensor.cpu().contiguous()
    return tensor.view(torch.uint16).numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()
