"""Stores in the cloud: what moves, what breaks off, who wins, and what a broken answer does."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from store import (
    ArraySpec,
    IdentityStore,
    MirroredStore,
    NameInUse,
    OverBudget,
    Remote,
    RemoteError,
    StoreCorruption,
    StoreFormatError,
    UnknownName,
)

obstore = pytest.importorskip("obstore")
ARRAY = ArraySpec("mid", (3, 2, 2, 8, 16), "float32", "float32", ("a", "b"), layers_per_chunk=1)


def steps(seed: int, shift: float = 0.0) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{"mid": (rng.normal(size=ARRAY.shape[1:]) + shift).astype("f4")} for _ in range(3)]


def put(
    place: IdentityStore, seed: int = 0, *, name: str | None = "tiger", shift: float = 0.0, computed: list | None = None
):
    def compute():
        if computed is not None:
            computed.append(place)
        return iter(steps(seed, shift))

    what = dict(arrays=[ARRAY], steps=compute, timesteps=[900, 500, 100])
    return place.put({"seed": seed}, **what, attributes={"prompt": "a tiger"}, attachments={"m.png": b"m"}, name=name)


def holds(stored, seed: int = 0, shift: float = 0.0) -> bool:
    wanted = steps(seed, shift)
    return all(stored.step(i)["mid"].tobytes() == wanted[i]["mid"].tobytes() for i in range(3))


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def cloud():
    return Remote(obstore.store.MemoryStore())


@pytest.fixture
def here(tmp_path):
    return IdentityStore(tmp_path / "here")


@pytest.fixture
def there(tmp_path):
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
    from store import transfer

    def attempt(move, store_, remote, *arguments) -> bool:
        try:
            move(store_._layout, store_._catalog, remote, *arguments, lambda done, total: None)
        except RemoteError:
            return False
        return True

    digest = here.resolve("tiger").digest
    broken = 0
    while not attempt(transfer.push, here, Flaky(cloud, broken), digest, "tiger"):
        with pytest.raises((UnknownName, StoreFormatError)):
            transfer.find(cloud, "tiger")  # the name goes last
        broken += 1
    assert broken > 10  # each operation failed once
    moved = 0
    while not attempt(transfer.pull, there, Flaky(cloud, moved), digest):
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


def test_of_two_machines_the_first_wins_and_both_end_with_one(tmp_path, cloud):
    first, second = (MirroredStore(cloud._store, tmp_path / name) for name in ("first", "second"))
    winner = put(first, shift=0.0)
    loser_made = IdentityStore(tmp_path / "second")  # computed before the first was done: other bits, as on a GPU
    put(loser_made, shift=1.0, name=None)
    got = put(second, shift=1.0)
    assert got.digest == winner.digest and holds(got)
    assert second.get({"seed": 0}).digest == first.get({"seed": 0}).digest == winner.digest


def test_a_mirror_fetches_instead_of_computing(tmp_path, cloud):
    first, second = (MirroredStore(cloud._store, tmp_path / name) for name in ("first", "second"))
    computed: list = []
    put(first, computed=computed)
    put(second, computed=computed)
    assert computed == [first]
    third = MirroredStore(cloud._store, tmp_path / "third")
    assert holds(third.resolve("tiger")) and [info.name for info in third.identities()] == ["tiger"]
    third.rename("tiger", "tom")
    assert [info.name for info in second.identities()] == ["tom"]
    third.remove("tom")
    with pytest.raises(UnknownName):
        MirroredStore(cloud._store, tmp_path / "fourth").resolve("tom")


def test_names_follow_what_another_machine_made_of_them(tmp_path, cloud):
    first, second = (MirroredStore(cloud._store, tmp_path / name) for name in ("first", "second"))
    put(first, 0)
    assert holds(second.resolve("tiger"), 0)
    put(first, 1)
    assert holds(second.resolve("tiger"), 1)


def blobs_in(place: IdentityStore) -> int:
    return sum(path.is_file() for path in (place.root / "blobs").rglob("*"))


def test_a_timestep_is_fetched_when_it_is_read(tmp_path, cloud):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    second = MirroredStore(cloud._store, tmp_path / "second")
    identity = second.resolve("tiger")
    assert blobs_in(second) == 1 and [identity.source(i) for i in range(3)] == ["remote"] * 3  # the attachment is here
    assert identity.step(1)["mid"].tobytes() == steps(0)[1]["mid"].tobytes()
    assert blobs_in(second) == 3 and [identity.source(i) for i in range(3)] == ["remote", "disk", "remote"]
    second.gc(grace=0)  # takes what nothing here refers to yet
    assert identity.source(1) == "remote" and holds(identity) and identity.attachment("m.png") == b"m"


def test_once_all_has_come_the_cache_serves_it_alone(tmp_path, cloud, monkeypatch):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    second = MirroredStore(cloud._store, tmp_path / "second")
    assert second.usage().unique == 0 and holds(second.resolve("tiger"))
    cache = IdentityStore(tmp_path / "second", create=False)
    assert holds(cache.resolve("tiger")) and cache.get({"seed": 0}) and cache.verify().ok


def test_what_is_damaged_there_is_computed_anew_and_put_back(tmp_path, cloud):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    path = next(f"blobs/{name}" for name in cloud.names("blobs") if cloud.size(f"blobs/{name}") > 1)
    good = cloud.read(path)
    cloud.write(path, b"x" + good[1:])
    second = MirroredStore(cloud._store, tmp_path / "second")
    with pytest.raises(StoreCorruption, match="timestep .* is lost .* too"):
        holds(second.resolve("tiger"))
    assert cloud.read(path) is None and second.get({"seed": 0}) is None
    computed: list = []
    assert holds(put(second, computed=computed)) and computed == [second]
    assert cloud.read(path) == good and holds(MirroredStore(cloud._store, tmp_path / "third").resolve("tiger"))


def test_a_blob_that_is_damaged_here_comes_again(tmp_path, cloud):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    second = MirroredStore(cloud._store, tmp_path / "second")
    identity = second.resolve("tiger")
    identity.step(0)
    path = next(path for path in (second.root / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 1)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert holds(identity)


def test_the_cache_keeps_its_budget(tmp_path, cloud):
    first = MirroredStore(cloud._store, tmp_path / "first")
    for seed in range(5):
        put(first, seed, name=f"cat-{seed}")
    small = MirroredStore(cloud._store, tmp_path / "small", budget=2 * ARRAY.nbytes)
    for seed in (0, 1, 2, 3, 4, 0):
        assert holds(small.resolve(f"cat-{seed}"), seed)
        assert small.usage().unique <= 2 * ARRAY.nbytes + 5
    assert {info.name for info in IdentityStore(small.root).identities()} == {"cat-4", "cat-0"}
    with pytest.raises(OverBudget):
        MirroredStore(cloud._store, tmp_path / "tiny", budget=ARRAY.nbytes - 1).resolve("cat-0")


def test_what_needs_the_whole_identity_fetches_it(tmp_path, cloud):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    second, third, fourth = (MirroredStore(cloud._store, tmp_path / name) for name in ("second", "third", "fourth"))
    second.export("tiger", tmp_path / "tiger.seal")
    assert (tmp_path / "tiger.seal").stat().st_size > ARRAY.nbytes
    third.pin("tiger")
    assert holds(IdentityStore(third.root).resolve("tiger"))
    fourth.tag("tom", fourth.resolve("tiger").digest)
    assert blobs_in(fourth) == 1 and holds(MirroredStore(cloud._store, tmp_path / "fifth").resolve("tom"))
    with pytest.raises(NameInUse):
        put(fourth, 1, name=None)
        fourth.tag("tom", fourth.get({"seed": 1}).digest, replace=False)
    assert fourth.remove("tiger", dry_run=True).name == "tiger" and fourth.resolve("tiger")


def test_without_the_network_the_cache_answers(tmp_path, cloud, monkeypatch):
    place = MirroredStore(cloud._store, tmp_path / "cache")
    put(place)

    def gone(*arguments):
        raise RemoteError("the network is gone")

    monkeypatch.setattr(place.remote, "read", gone)
    with pytest.warns(UserWarning, match="the cache"):
        assert holds(place.resolve("tiger"))


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
