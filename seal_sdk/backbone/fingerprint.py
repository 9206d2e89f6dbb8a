"""What a model is, by content: a digest of its configuration and of its weights as loaded (fused LoRA, quantisation and all)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch
import xxhash
from torch import Tensor, nn

from seal_sdk.backbone.adapters import adapter_states
from seal_sdk.backbone.ip_adapter import is_image_branch


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


def _switches(module: nn.Module) -> list[str]:
    """What changes the output and is no weight: adapters and FreeU."""
    return adapter_states(module) + _free_u(module)


def fingerprint(module: nn.Module | None) -> str | None:
    """64 hex digits that differ whenever configuration, weights, dtypes, active adapters or FreeU differ; None for no module.

    IP-Adapters do not count: K/V are captured without them.
    """
    if module is None:
        return None
    digest = hashlib.sha256(_config_json(module).encode())
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, Tensor) and not is_image_branch(name):
            digest.update(
                f"{name}:{tensor.dtype}:{tuple(tensor.shape)}:{xxhash.xxh3_128_hexdigest(tensor_bytes(tensor))}".encode()
            )
    for line in _switches(module):
        digest.update(line.encode())
    return digest.hexdigest()


def stamp(module: nn.Module) -> int:
    """A quick sign that a module is still what was fingerprinted: where its tensors lie, their versions, a few values of each."""
    seen: list[Any] = []
    for tensor in module.state_dict(keep_vars=True).values():
        if isinstance(tensor, Tensor):
            seen.append((tensor.data_ptr(), tensor._version, tuple(tensor.shape), str(tensor.dtype)))
    few = [
        t.detach().reshape(-1)[:: max(t.numel() // 4, 1)][:4].float().sum() for t in module.parameters() if t.numel()
    ]
    values = torch.stack([value.cpu() for value in few]).tolist() if few else []
    return hash((tuple(seen), tuple(values), tuple(_switches(module))))


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
