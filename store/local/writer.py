"""Writing one identity: one timestep at a time, and every blob durable before the manifest that lists it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from ..errors import InvalidValue, StoreIOError
from ..format.arrays import ArraySpec
from ..format.blob import Blob
from ..format.layout import Layout
from ..format.manifest import IdentitySpec, Manifest
from .blobs import BlobStore
from .leases import Renew, write_lease

Step = Mapping[str, np.ndarray]  # array name -> (layer, kv, token, channel)
Published = TypeVar("Published")
_THREADS = 4  # concurrent fdatasyncs: writing takes 1.3 times as long as without them, one at a time 2.4 times


def write_identity(
    layout: Layout,
    spec: IdentitySpec,
    steps: Callable[[], Iterator[Step]],
    publish: Callable[[Manifest], Published],
) -> Published:
    """Write every timestep that ``steps()`` yields, then call ``publish`` and return its result.

    A lease protects the blobs from gc until the manifest is published. After an error nothing is published.

    Raises:
        InvalidValue: The steps do not fit the arrays.
    """
    blobs = BlobStore(layout)
    with write_lease(layout) as renew, ThreadPoolExecutor(_THREADS) as pool, _closing(steps) as iterator:
        chunks = _write_chunks(blobs, pool, spec, iterator, renew)
        attached = dict(zip(spec.attachments, pool.map(blobs.add, spec.attachments.values()), strict=True))
        manifest = Manifest(spec.recipe, spec.attributes, tuple(spec.timesteps), tuple(spec.arrays), chunks, attached)
        blobs.sync(manifest.blobs)
        _wait_for(blobs, manifest.blobs)
        return publish(manifest)


def _write_chunks(
    blobs: BlobStore, pool: Executor, spec: IdentitySpec, steps: Iterator[Step], renew: Renew
) -> dict[str, Blob]:
    chunks: dict[str, Blob] = {}
    for index, step in enumerate(steps):
        if index == len(spec.timesteps):
            raise InvalidValue(f"steps yielded more than the {len(spec.timesteps)} timesteps announced")
        views = dict(_chunk_views(step, spec.arrays, index))
        chunks |= zip(views, pool.map(blobs.add, views.values()), strict=True)
        renew()
    return chunks


@contextmanager
def _closing(steps: Callable[[], Iterator[Step]]) -> Iterator[Iterator[Step]]:
    """The steps. A generator is closed at once when writing fails, so that it can restore its model's state."""
    iterator = steps()
    try:
        yield iterator
    finally:
        getattr(iterator, "close", lambda: None)()


def _chunk_views(step: Step, arrays: Sequence[ArraySpec], index: int) -> Iterator[tuple[str, memoryview]]:
    """Yield the Zarr key and the bytes of each chunk of one timestep, without copying."""
    expected = {array.name for array in arrays}
    if set(step) != expected:
        raise InvalidValue(f"step {index} has the arrays {sorted(step)}, announced were {sorted(expected)}")
    for array in arrays:
        values = _contiguous(step[array.name], array, index)
        for key, layers in array.chunks(index):
            yield key, values[layers].reshape(-1).view(np.uint8).data


def _contiguous(values: np.ndarray, array: ArraySpec, index: int) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        raise InvalidValue(f"step {index} of array {array.name!r} is a {type(values).__name__}, not a numpy array")
    if values.shape != array.shape[1:] or values.dtype.name != array.dtype:
        found, announced = f"{values.dtype} {values.shape}", f"{array.dtype} {array.shape[1:]}"
        raise InvalidValue(f"step {index} of array {array.name!r} is {found}, announced was {announced}")
    return np.ascontiguousarray(values, array.numpy_dtype)


def _wait_for(blobs: BlobStore, wanted: set[Blob]) -> None:
    """Wait a second for each missing blob: gc puts a blob back that it took while a writer touched it."""
    for blob in wanted:
        for _ in range(20):
            if blobs.has(blob):
                break
            time.sleep(0.05)
        else:
            raise StoreIOError(
                f"blob {blob.xxh3_128} vanished while the identity was written: something deletes files here"
            )
