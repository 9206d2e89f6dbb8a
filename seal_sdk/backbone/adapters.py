"""LoRA and the like, as peft keeps them beside the weights: which are active, and all that changes the output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


def _layers(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """The layers that hold adapters, with their names."""
    for name, layer in module.named_modules():
        if isinstance(getattr(layer, "scaling", None), dict):
            yield name, layer


def _active(layer: Any) -> list[str]:
    return [key for key in layer.scaling if key in getattr(layer, "active_adapters", list(layer.scaling))]


def adapter_states(module: nn.Module) -> list[str]:
    """Name, scales and state of every layer's active adapters, for fingerprints."""
    return [
        f"{name}:{sorted((key, float(layer.scaling[key])) for key in _active(layer))}:"
        f"{getattr(layer, 'disable_adapters', False)}:{getattr(layer, 'merged', False)}"
        for name, layer in _layers(module)
    ]


def active_adapters(module: nn.Module) -> tuple[str, ...]:
    """Names of the adapters that take part, sorted; none while they are disabled."""
    taking_part = [layer for _, layer in _layers(module) if not getattr(layer, "disable_adapters", False)]
    return tuple(sorted({name for layer in taking_part for name in _active(layer)}))


@contextmanager
def kept_scales(*modules: nn.Module | None) -> Iterator[None]:
    """A context after which the adapters' scales are what they were, to the last bit.

    diffusers multiplies them by ``cross_attention_kwargs["scale"]`` for each forward, and divides them again: that rounds, and after 0
    it sets them to 1.
    """
    before = [(layer, dict(layer.scaling)) for module in modules if module is not None for _, layer in _layers(module)]
    try:
        yield
    finally:
        for layer, scales in before:
            layer.scaling.update(scales)
