"""What a model is, by content: a digest of its configuration and of its weights as loaded (fused LoRA, quantisation and all)."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
import xxhash
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from seal_sdk.backbone.adapters import adapter_states
from seal_sdk.backbone.attention import is_fused
from seal_sdk.backbone.ip_adapter import is_image_branch
from seal_sdk.backbone.weights import diffusers_hook, plain_tensors, weights

SAMPLED = 16  # values of each tensor that a stamp looks at


def tensor_bytes(tensor: Tensor) -> memoryview:
    """The raw bytes of a tensor, whatever its dtype and device."""
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy().data) if flat.numel() else memoryview(b"")


def _config_json(module: nn.Module) -> str:
    """The part of a module's configuration that can change its output: no paths and no library versions."""
    given: Any = getattr(module, "config", {})
    config = _as_saved(module, given) if hasattr(given, "to_dict") else dict(given)
    kept = {key: value for key, value in config.items() if not key.startswith("_") and not key.endswith("version")}
    return json.dumps(kept, sort_keys=True, default=str)


def _as_saved(module: Any, config: Any) -> dict[str, Any]:
    """A configuration of transformers' as its folder has it: saving notes the class and the dtype, casting does not."""
    return {
        **config.to_dict(),
        "architectures": [type(module).__name__],
        "dtype": str(module.dtype).removeprefix("torch."),
    }


def _free_u(module: nn.Module) -> list[str]:
    """FreeU's factors where it is switched on: plain attributes of the up blocks."""
    blocks: Any = getattr(module, "up_blocks", ())
    factors = {n: [getattr(block, each, None) for each in ("s1", "s2", "b1", "b2")] for n, block in enumerate(blocks)}
    return [
        f"up_blocks.{number}:freeu:{given}"
        for number, given in factors.items()
        if all(each is not None for each in given)
    ]


def _casts(module: nn.Module) -> list[str]:
    """Layerwise casting: the dtypes in which each layer's weights are stored and used."""
    hooks = [(name, diffusers_hook(part, "layerwise_casting")) for name, part in module.named_modules()]
    return [f"{name}:cast:{hook.storage_dtype}:{hook.compute_dtype}" for name, hook in hooks if hook is not None]


def _fused(module: nn.Module) -> list[str]:
    """Attention layers whose projections are fused."""
    return [f"{name}:fused" for name, part in module.named_modules() if isinstance(part, Attention) and is_fused(part)]


def _switches(module: nn.Module) -> list[str]:
    """What changes the output and is no weight: adapters, FreeU, layerwise casting and fused projections."""
    return adapter_states(module) + _free_u(module) + _casts(module) + _fused(module)


def _unused(module: nn.Module) -> tuple[str, ...]:
    """Beginnings of the names of weights that take no part: unfusing leaves the fused ones behind."""
    left = [name for name, part in module.named_modules() if isinstance(part, Attention) and not is_fused(part)]
    return tuple(f"{name}.{fused}." for name in left for fused in ("to_qkv", "to_kv", "to_added_qkv"))


def fingerprint(module: nn.Module | None) -> str | None:
    """64 hex digits that differ whenever configuration, weights, dtypes or one of the switches differ; None for no module.

    They are the same wherever the weights are kept (CPU offload), and whether or not the module is compiled.
    IP-Adapters do not count: K/V are captured without them.
    """
    if module is None:
        return None
    module = getattr(module, "_orig_mod", module)
    digest = hashlib.sha256(_config_json(module).encode())
    unused = _unused(module)
    for name, whole, _ in sorted(weights(module), key=lambda each: each[0]):
        if name.startswith(unused) or is_image_branch(name):
            continue
        for part, tensor in plain_tensors(whole):
            content = xxhash.xxh3_128_hexdigest(tensor_bytes(tensor))
            digest.update(f"{name}{part}:{tensor.dtype}:{tuple(tensor.shape)}:{content}".encode())
    for line in _switches(module):
        digest.update(line.encode())
    return digest.hexdigest()


def stamp(module: nn.Module) -> int:
    """A quick sign that a module is still what was fingerprinted: its parameters, their versions, and a few values of each.

    It says nothing of where they lie: offloading and a VAE's upcasting move them in every call.
    """
    module = getattr(module, "_orig_mod", module)
    seen: list[Any] = []
    plain: list[Tensor] = []
    for name, tensor, own in weights(module):
        version = None if tensor.is_inference() else tensor._version
        seen.append((name, id(tensor) if own else None, version, tuple(tensor.shape), str(tensor.dtype)))
        for kind, part in plain_tensors(tensor):
            seen.append(kind)
            plain += [part] if part.numel() else []
    return hash((tuple(seen), tuple(_samples(plain)), tuple(_switches(module))))


def _samples(tensors: Iterable[Tensor]) -> list[bytes]:
    """Bytes of a few values of each tensor; one copy per device, whatever the number of tensors."""
    samples: dict[torch.device, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        samples[tensor.device].append(_sample(tensor))
    return [tensor_bytes(torch.cat(each)).tobytes() for each in samples.values()]


def _sample(tensor: Tensor) -> Tensor:
    """(n,) bytes of a few values, evenly spaced in memory: so no copy is made of a tensor in another memory format."""
    strides = tensor.stride()
    order = sorted(range(tensor.dim()), key=lambda axis: -strides[axis])
    flat = tensor.detach().permute(order).reshape(-1)
    return flat[:: -(-flat.numel() // SAMPLED)].contiguous().view(torch.uint8)


class Fingerprints:
    """Fingerprints of a pipeline's parts, hashed again only when a part has changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, str | None]] = {}

    def of(self, module: nn.Module | None) -> str | None:
        """The module's fingerprint, None for no module."""
        if module is None:
            return None
        mark = stamp(module)
        known = self._known.get(id(module))
        if known is None or known[0] != mark:
            known = self._known[id(module)] = (mark, fingerprint(module))
        return known[1]
