"""How the store's costs grow with the library: small synthetic identities, no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from seal_sdk.errors import InputError
from store import ArraySpec, IdentityStore, StoredIdentity

REPEATS = 9
"""How often a single identity is worked on; seconds are medians."""
PASSES = 3
"""How often the whole library is gone through."""
_ARRAY = ArraySpec("kv", (2, 4, 2, 16, 32), "float16", "float16", ("a", "b", "c", "d"), layers_per_chunk=2)
_TIMESTEPS = (800, 200)


@dataclass(frozen=True)
class LibraryCost:
    """Seconds that one library's operations take, medians.

    Args:
        identities: How many the library holds.
        put: Storing one more, durably.
        hit: Registering one again.
        open: Opening one by its name and reading a timestep.
        pin: Pinning one.
        rename: Renaming one.
        remove: Removing one.
        list: Listing the library.
        collect: A dry garbage collection of the library.
        verify: Checking every byte of the library.
    """

    identities: int
    put: float
    hit: float
    open: float
    pin: float
    rename: float
    remove: float
    list: float
    collect: float
    verify: float


def measure_library(counts: Sequence[int], folder: Path) -> list[LibraryCost]:
    """Grow a library from count to count, and measure it at each.

    A library of 10,000 takes 300 MB of disk and some minutes. Everything is read from the page cache.

    Args:
        counts: Identities, from 1 on, ascending.
        folder: Where the library is made: a missing or an empty folder.

    Raises:
        InputError: ``counts`` does not ascend from 1 on, or the folder is not empty.
    """
    if not counts or counts[0] < 1 or list(counts) != sorted(set(counts)):
        raise InputError(f"counts={list(counts)}: give the sizes of a growing library, such as [100, 1000]")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"folder={str(folder)!r} is not empty: give an empty one, the library is made there")
    store = IdentityStore(folder)
    starts = [0, *counts]
    return [_measure(store, range(start, count)) for start, count in zip(starts, counts, strict=False)]


def _measure(store: IdentityStore, added: range) -> LibraryCost:
    """Add these identities to those before them, and measure the library."""
    puts = [_seconds(_put, store, number) for number in added]
    known = [int(number) for number in np.linspace(0, added.stop - 1, REPEATS)]  # from all of the library
    return LibraryCost(
        identities=added.stop,
        put=median(puts),
        hit=median(_seconds(_put, store, number) for number in known),
        open=median(_seconds(_open, store, number) for number in known),
        **_change_names(store, added.stop),
        list=_pass(store.identities),
        collect=_pass(partial(store.gc, dry_run=True)),
        verify=_pass(store.verify),
    )


def _change_names(store: IdentityStore, number: int) -> dict[str, float]:
    """Store one more, pin it, rename it and remove it, again and again."""
    seconds: dict[str, list[float]] = {"pin": [], "rename": [], "remove": []}
    for _ in range(REPEATS):
        _put(store, number)
        seconds["pin"].append(_seconds(store.pin, _name(number)))
        store.unpin(_name(number))
        seconds["rename"].append(_seconds(store.rename, _name(number), "renamed"))
        seconds["remove"].append(_seconds(store.remove, "renamed"))
    return {name: median(found) for name, found in seconds.items()}


def _pass(action: Callable[[], object]) -> float:
    return median(_seconds(action) for _ in range(PASSES))


def _seconds(action: Callable[..., object], *arguments: object) -> float:
    started = perf_counter()
    action(*arguments)
    return perf_counter() - started


def _open(store: IdentityStore, number: int) -> dict[str, np.ndarray]:
    return store.resolve(_name(number)).step(0)


def _name(number: int) -> str:
    return f"subject {number}"


def _put(store: IdentityStore, number: int) -> StoredIdentity:
    def steps() -> Iterator[dict[str, np.ndarray]]:
        values = np.random.default_rng(number)
        for _ in _TIMESTEPS:
            yield {_ARRAY.name: values.standard_normal(_ARRAY.shape[1:], dtype=np.float32).astype(np.float16)}

    return store.put(
        {"subject": number},
        arrays=[_ARRAY],
        steps=steps,
        timesteps=_TIMESTEPS,
        attributes={"prompt": f"a photo of subject {number}"},
        attachments={"reference.png": b"png %d" % number},
        name=_name(number),
    )
