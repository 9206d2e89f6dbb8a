"""How often the host waits for the device: what keeps a GPU from running ahead."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

WAITING = tuple(
    f"aten::{name}"
    for name in ("nonzero", "_local_scalar_dense", "masked_select", "equal", "_unique2", "unique_consecutive")
)
"""Operations whose result's shape or value the host needs."""
INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")
"""Operations that look for the places of a mask first, where they are given one."""

SyncCount = Callable[[], int]


class HostSyncs(TorchDispatchMode):
    """Counts operations for which a GPU would be waited for; on a CPU, where nothing waits, they are only candidates.

    on_host: tensors that lie in the host's memory whatever the device, such as a scheduler's tables: to read them is no wait.
    found: operation -> how often it ran. Copies from a device to the host count; on a CPU there are none.
    """

    def __init__(self, on_host: Sequence[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self._on_host = {each.untyped_storage().data_ptr() for each in on_host}
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func._schema.name
        waits = name in WAITING and args[0].untyped_storage().data_ptr() not in self._on_host
        if waits or (name in INDEXING and _has_mask(args[1])) or _comes_home(name, args, kwargs or {}):
            self.found[name.removeprefix("aten::")] += 1
        return func(*args, **(kwargs or {}))


def _has_mask(indices: Any) -> bool:
    return any(isinstance(each, Tensor) and each.dtype in (torch.bool, torch.uint8) for each in indices)


def _comes_home(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    device = kwargs.get("device")
    return name == "aten::_to_copy" and device == torch.device("cpu") and args[0].device.type != "cpu"


@contextmanager
def host_syncs(device: torch.device) -> Iterator[SyncCount]:
    """While inside, the function that is given says how often the host has waited so far.

    On a CUDA device these are the waits that ``torch.cuda.set_sync_debug_mode("warn")`` warns of, elsewhere `HostSyncs`.
    """
    if device.type != "cuda":
        with HostSyncs() as watch:
            yield lambda: sum(watch.found.values())
        return
    with cuda_warnings() as seen:
        yield lambda: sum(map(is_sync, seen))


@contextmanager
def cuda_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """All warnings so far while inside, among them torch's of each operation that makes the host wait for a CUDA device (`is_sync`)."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield seen
        finally:
            torch.cuda.set_sync_debug_mode(before)


def is_sync(warning: warnings.WarningMessage) -> bool:
    """Whether a warning tells of a wait."""
    return "synchronizing CUDA operation" in str(warning.message)
