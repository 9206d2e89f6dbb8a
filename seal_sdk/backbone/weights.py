"""A module's weights by name, wherever offloading keeps them, and as plain tensors, however they are quantised."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn


def weights(module: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Name, tensor, and whether the tensor is the module's own (else it is made when asked for), as in ``state_dict``.

    Sequential CPU offload (accelerate) leaves placeholders without values in the module, and keeps the tensors in its hooks. A
    placeholder that no hook knows is given as it is, on the device "meta".
    """
    for name, tensor in module.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):
            continue
        stored = _stored(module, name) if tensor.is_meta else None
        if stored is None:
            yield name, tensor, isinstance(tensor, nn.Parameter)
        else:
            yield name, stored.to(tensor.dtype), False  # as the hook does: the placeholder's dtype counts


def plain_tensors(tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The tensors that a tensor is made of, each with what it is: itself, or the parts of a subclass, such as torchao's.

    A subclass says beside its parts how they are used, for instance whether activations are quantised too.
    """
    if not hasattr(tensor, "__tensor_flatten__"):
        yield "", tensor
        return
    parts, context = tensor.__tensor_flatten__()
    kind = re.sub(
        r" at 0x[0-9a-f]+", "", f":{type(tensor).__name__}:{context}"
    )  # addresses differ from process to process
    for part in parts:
        for name, inner in plain_tensors(getattr(tensor, part)):
            yield f"{kind}.{part}{name}", inner


def bytes_by_device(module: nn.Module) -> dict[str, int]:
    """Device -> bytes of the weights that lie there, whatever they are quantised to; tied weights count once."""
    found: Counter[str] = Counter()
    seen = set()
    for _, whole, _ in weights(module):
        for _, tensor in plain_tensors(whole):
            place = (tensor.device, tensor.data_ptr(), tensor.nbytes)
            if place not in seen:
                found[str(tensor.device)] += tensor.nbytes
            seen.add(place)
    return dict(found)


def diffusers_hook(module: nn.Module, name: str) -> Any:
    """The hook of this name that diffusers put on a module, or None."""
    registry: Any = getattr(module, "_diffusers_hook", None)
    return None if registry is None else registry.get_hook(name)


def _stored(module: nn.Module, name: str) -> Tensor | None:
    """What a placeholder stands for: its module's hook has it, or that of a module above, which moves all that is below it."""
    parts = name.split(".")
    for length in reversed(range(len(parts))):
        owner, key = module.get_submodule(".".join(parts[:length])), ".".join(parts[length:])
        for hook in _accelerate_hooks(owner):
            if getattr(hook, "offload", False) and key in hook.weights_map:
                stored: Tensor = hook.weights_map[key]
                return stored
    return None


def _accelerate_hooks(module: nn.Module) -> list[Any]:
    hook: Any = getattr(module, "_hf_hook", None)
    return list(getattr(hook, "hooks", [hook]))
