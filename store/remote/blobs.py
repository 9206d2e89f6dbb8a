"""Moving blobs between a folder and an object store, several at a time. Only missing blobs are moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import RemoteLoss
from ..format.blob import Blob, verified
from ..local.blobs import BlobStore
from ..progress import Progress
from .catalog import LAYOUT, THREADS
from .object_store import Remote


@dataclass(frozen=True)
class Moved:
    """How many blobs and bytes were moved, and how many bytes there are in all."""

    blobs: int
    nbytes: int
    total_bytes: int


class RemoteBlobs:
    """The blobs in an object store. Every method may raise RemoteError."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def has(self, blob: Blob) -> bool:
        """Whether there is an object of the blob's name and size. Its bytes are not read."""
        return self._remote.size(_path(blob)) == blob.size

    def has_all(self, blobs: Iterable[Blob]) -> bool:
        """:meth:`has` for all of these blobs."""
        with ThreadPoolExecutor(THREADS) as pool:
            return all(pool.map(self.has, blobs))

    def remove(self, blob: Blob) -> None:
        """Delete a blob."""
        self._remote.remove(_path(blob))

    def upload(self, source: BlobStore, blobs: Iterable[Blob], progress: Progress) -> Moved:
        """Copy the blobs that are missing here from ``source``.

        Raises:
            StoreCorruption: A blob of ``source`` is damaged.
        """

        def send(blob: Blob) -> int:
            if self.has(blob):
                return 0
            self._remote.write(_path(blob), source.read(blob))
            return blob.size

        return _move(send, blobs, progress)

    def download(self, target: BlobStore, blobs: Iterable[Blob], progress: Progress) -> Moved:
        """Copy the blobs that are missing in ``target`` from here, and check both digests.

        Raises:
            RemoteLoss: A blob is missing here or has other bytes.
        """

        def receive(blob: Blob) -> int:
            if target.has(blob):
                return 0
            error = RemoteLoss(
                f"blob {blob.xxh3_128} of {self._remote.name} is damaged or was cut: its digests do not match"
            )
            target.add_stream(blob, lambda: verified(self._remote.pieces(_path(blob)), blob, error))
            return blob.size

        return _move(receive, blobs, progress)


def _path(blob: Blob) -> str:
    return LAYOUT.blob(blob.xxh3_128).as_posix()


def _move(move: Callable[[Blob], int], blobs: Iterable[Blob], progress: Progress) -> Moved:
    """Call ``move`` for each blob in several threads. It returns how many bytes it moved."""
    wanted = sorted(blobs, key=lambda blob: blob.xxh3_128)
    total, done, moved = sum(blob.size for blob in wanted), 0, []
    with ThreadPoolExecutor(THREADS) as pool:
        for blob, size in zip(wanted, _results(pool, move, wanted), strict=True):
            done += blob.size
            moved += [size] if size else []
            progress(done, total)
    return Moved(len(moved), sum(moved), total)


def _results(pool: ThreadPoolExecutor, move: Callable[[Blob], int], wanted: list[Blob]) -> Iterator[int]:
    """The results in order. After an error no further call is started."""
    futures = [pool.submit(move, blob) for blob in wanted]
    try:
        for future in futures:
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
