"""A store in the cloud with a local cache: what is fetched, who wins, and what a broken answer does."""

from __future__ import annotations

import pytest
from fixtures.remote_identity import ARRAY, blobs_in, holds, put, steps

from store import IdentityStore, MirroredStore, NameInUse, OverBudget, Remote, RemoteError, StoreCorruption, UnknownName

obstore = pytest.importorskip("obstore")
pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def cloud() -> Remote:
    return Remote(obstore.store.MemoryStore())


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
    computed: list[IdentityStore] = []
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


def test_a_timestep_is_fetched_when_it_is_read(tmp_path, cloud):
    put(MirroredStore(cloud._store, tmp_path / "first"))
    second = MirroredStore(cloud._store, tmp_path / "second")
    identity = second.resolve("tiger")
    assert (
        blobs_in(second.root) == 1 and [identity.source(i) for i in range(3)] == ["remote"] * 3
    )  # the attachment is here
    assert identity.step(1)["mid"].tobytes() == steps(0)[1]["mid"].tobytes()
    assert blobs_in(second.root) == 3 and [identity.source(i) for i in range(3)] == ["remote", "disk", "remote"]
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
    with pytest.raises(StoreCorruption, match=r"timestep .* is lost .* too"):
        holds(second.resolve("tiger"))
    assert cloud.read(path) is None and second.get({"seed": 0}) is None
    computed: list[IdentityStore] = []
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
    assert blobs_in(fourth.root) == 1 and holds(MirroredStore(cloud._store, tmp_path / "fifth").resolve("tom"))
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
