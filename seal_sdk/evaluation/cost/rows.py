"""How many rows a UNet computes, forward by forward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def counted_rows(unet: nn.Module) -> Iterator[list[int]]:
    """While inside, each forward of the UNet adds its number of rows to the list."""
    rows: list[int] = []

    def count(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        rows.append(len(args[0] if args else kwargs["sample"]))

    handle = unet.register_forward_pre_hook(count, with_kwargs=True)
    try:
        yield rows
    finally:
        handle.remove()
