"""Push and pull: what moves, what breaks off, and what damage in the object store does."""

from __future__ import annotations

import threading

import pytest
from fixtures.remote_identity import holds, put

from store import IdentityStore, Remote, RemoteError, StoreFormatError, UnknownName
from store.remote.catalog import RemoteCatalog
from store.transfer.pull import pull
from store.transfer.push import push

obstore = pytest.importorskip("obstore")
pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def cloud() -> Remote:
    return Remote(obstore.store.MemoryStore())


@pytest.fixture
def here(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "here")


@pytest.fixture
def there(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "there")


def test_an_identity_goes_up_and_comes_down_whole(here, there, cloud):
    stored = put(here)
    seen = []
    sent = here.push("tiger", cloud, progress=lambda done, total: seen.append((done, total)))
    assert sent.digest == stored.digest and sent.moved_bytes == sent.total_bytes == seen[-1][0] == seen[-1][1]
    got = there.pull("tiger", cloud)
    assert got.moved_bytes == sent.total_bytes and holds(there.resolve("tiger"))
    assert there.get({"seed": 0}).digest == stored.digest and there.verify().ok


def test_only_missing_blobs_move(here, there, cloud):
    put(here)
    here.push("tiger", cloud)
    assert here.push("tiger", cloud).moved_blobs == 0
    there.pull("tiger", cloud)
    assert there.pull("tiger", cloud).moved_blobs == 0
    lost = next(path for path in (there.root / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 1)
    lost.unlink()
    assert there.pull("tiger", cloud).moved_blobs == 1 and holds(there.resolve("tiger"))


class Flaky:
    """Calls through to a Remote, and fails at the n-th operation."""

    def __init__(self, remote: Remote, fail_at: int) -> None:
        self._remote, self._left, self._lock = remote, fail_at, threading.Lock()
        self.name = remote.name

    def __getattr__(self, operation: str):
        def call(*arguments, **options):
            with self._lock:
                self._left -= 1
                if self._left < 0:
                    raise RemoteError("the network is gone")
            return getattr(self._remote, operation)(*arguments, **options)

        return call


def test_a_transfer_that_breaks_off_anywhere_leaves_nothing_dangling_and_goes_on(here, there, cloud, monkeypatch):
    put(here)

    def attempt(move, store_, remote, *arguments) -> bool:
        try:
            move(store_._layout, store_._catalog, remote, *arguments, lambda done, total: None)
        except RemoteError:
            return False
        return True

    digest = here.resolve("tiger").digest
    broken = 0
    while not attempt(push, here, Flaky(cloud, broken), digest, "tiger"):
        with pytest.raises((UnknownName, StoreFormatError)):
            RemoteCatalog(cloud).find("tiger")  # the name goes last
        broken += 1
    assert broken > 10  # each operation failed once
    moved = 0
    while not attempt(pull, there, Flaky(cloud, moved), digest):
        assert there.get({"seed": 0}) is None and there.verify().ok
        moved += 1
    assert holds(there.get({"seed": 0})) and moved > 3


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1], lambda data: data + b"x", lambda data: bytes([data[0] ^ 1]) + data[1:]]
)
def test_a_damaged_blob_there_never_arrives(here, there, cloud, change):
    put(here)
    here.push("tiger", cloud)
    path = next(f"blobs/{name}" for name in cloud.names("blobs") if cloud.size(f"blobs/{name}") > 1)
    good = cloud.read(path)
    cloud.write(path, change(good))
    with pytest.raises(RemoteError, match="damaged"):
        there.pull("tiger", cloud)
    assert not there.identities() and there.verify().ok
    cloud.write(path, good)
    assert there.pull("tiger", cloud) and holds(there.resolve("tiger"))


def test_a_newer_layout_there_is_refused(here, cloud):
    put(here)
    cloud.write("FORMAT", b"seal-store 9\n")
    with pytest.raises(StoreFormatError, match="upgrade"):
        here.push("tiger", cloud)


def test_an_unknown_name_there_lists_the_nearest(here, there, cloud):
    put(here)
    here.push("tiger", cloud)
    with pytest.raises(UnknownName, match="'tiger'"):
        there.pull("tigre", cloud)
