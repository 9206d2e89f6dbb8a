"""Faults: failing disks, killed and crowded writers, damaged files. A second reader of the layout judges the result."""

from __future__ import annotations

import errno
import os
import random
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fixtures.disk_faults import FaultyDisk, damage_and_use
from fixtures.store_layout import KINDS, blob_names, files_by_kind, read_layout
from fixtures.store_processes import CHURN, CROWD, KILL, run_script
from fixtures.stored_identity import is_sound, put, values_of

import store.local.files
from store import IdentityStore, StoreCorruption, StoreError, StoreFull, StoreIOError


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


@pytest.mark.parametrize(("error", "typed"), [(errno.ENOSPC, StoreFull), (errno.EIO, StoreIOError)])
def test_every_single_failing_file_operation_ends_in_a_typed_error_or_success(tmp_path, error, typed):
    with pytest.MonkeyPatch.context() as patch:
        counting = FaultyDisk(patch)
        put(IdentityStore(tmp_path / "count"), 0, "tiger")
    assert counting.calls > 60
    raised = 0
    for nth in range(1, counting.calls + 1):
        root = tmp_path / str(nth)
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, nth, error)
            try:
                put(IdentityStore(root), 0, "tiger")
            except StoreError as caught:
                assert type(caught) is typed, (disk.failed, caught)
                raised += 1
        if (root / "FORMAT").exists():
            read_layout(root)
            assert IdentityStore(root).verify().ok
        with pytest.MonkeyPatch.context() as patch:
            FaultyDisk(patch)
            assert is_sound(put(IdentityStore(root), 0, "tiger"), 0), disk.failed
        assert next(iter(read_layout(root).values()))["mid"] == values_of(0).tobytes()
        shutil.rmtree(root)
    # The pin's removal may fail harmlessly; after EIO a new file is tried, so that fewer of those surface.
    assert raised >= (counting.calls - 1 if error == errno.ENOSPC else counting.calls // 4)


def test_a_disk_that_stays_full_names_the_way_out_and_keeps_what_there_was(place, monkeypatch):
    put(place, 1, "lion")
    before = read_layout(place.root)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store.local.files, "write", full)
        with pytest.raises(StoreFull, match="free some space or run gc, then try again") as caught:
            put(place, 2, "tiger")
    assert (caught.value.errno, isinstance(caught.value, OSError)) == (errno.ENOSPC, True)
    assert read_layout(place.root) == before
    assert list((place.root / "tmp").iterdir()) == list((place.root / "pins").iterdir()) == []
    assert is_sound(put(place, 2, "tiger"), 2)


def test_short_writes_are_carried_on(place, monkeypatch):
    real = store.local.files.write
    monkeypatch.setattr(
        store.local.files, "write", lambda descriptor, data: real(descriptor, data[: max(1, len(data) // 3)])
    )
    assert is_sound(put(place, 0, "tiger"), 0)
    assert place.verify().ok


def test_a_file_whose_sync_failed_is_written_anew_and_never_synced_again(place, monkeypatch):
    synced, real = [], store.local.files.sync_data

    def fail_once(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}") if sys.platform == "linux" else str(len(synced))
        synced.append(path)
        if len(synced) == 1:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(store.local.files, "sync_data", fail_once)
    assert is_sound(put(place, 0), 0)
    assert len(set(synced)) == len(synced)
    assert not Path(synced[0]).exists()


def test_nothing_is_published_before_what_it_names_is_durable(place, monkeypatch):
    """Every rename comes after its file's sync; each later stage after the directory syncs of the stage before."""
    log: list[tuple[str, str]] = []
    rename, sync_directory = store.local.files.rename, store.local.files.sync_directory
    monkeypatch.setattr(store.local.files, "rename", lambda s, t: (rename(s, t), log.append(("rename", str(t)))))
    monkeypatch.setattr(
        store.local.files, "sync_directory", lambda p: (sync_directory(p), log.append(("sync", str(p))))
    )
    put(place, 0, "tiger")

    def last(what: str, part: str) -> int:
        return max(index for index, (kind, path) in enumerate(log) if kind == what and f"/{part}" in path)

    for blob in (path for path in (place.root / "blobs").rglob("*") if path.is_file()):
        published = log.index(("rename", str(blob)))
        assert ("sync", str(blob.parent)) in log[published : last("rename", "manifests/")]
    stages = ["manifests/", "recipes/", "refs/"]
    for stage, following in pairwise(stages):
        assert last("rename", stage) < last("sync", stage[:-1]) < last("rename", following)
    assert last("rename", "refs/") < last("sync", "refs")


def test_a_forced_collision_of_the_fast_hash_is_rejected(place, monkeypatch):
    monkeypatch.setattr("store.local.blobs.fast_digest", lambda data: "0" * 32)
    with pytest.raises(StoreCorruption, match="same xxh3_128"):
        put(place, 0)
    assert place.get({"seed": 0}) is None


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pristine") / "identities"
    for seed, name in enumerate(("tiger", "lion")):
        put(IdentityStore(root), seed, name)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_is_silent(pristine, tmp_path, quick_disk, kind):
    rng = random.Random(kind)
    for path in files_by_kind(pristine)[kind]:
        data = (pristine / path).read_bytes()
        for bit in rng.sample(range(8 * len(data)), 8):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            assert damage_and_use(pristine, tmp_path / "copy", path, bytes(flipped)), f"bit {bit} of {path}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_emptied_grown_swapped_or_deleted_file_is_silent(pristine, tmp_path, quick_disk, kind):
    paths = files_by_kind(pristine)[kind]
    for path, other in zip(paths, [*paths[1:], paths[0]], strict=True):
        data = (pristine / path).read_bytes()
        swapped = [(pristine / other).read_bytes()] if other != path else []
        for damaged in (data[:-1], b"", data + b"\0", bytes(len(data)), *swapped, None):
            assert damage_and_use(pristine, tmp_path / "copy", path, damaged), f"{path}: {damaged and damaged[:20]}"


def test_killed_writers_leave_nothing_torn_and_gc_leaves_nothing_behind(tmp_path):
    root = tmp_path / "identities"
    assert run_script(KILL, root, 20).count("killed") == 20
    found = read_layout(root)
    assert {'{"seed":1000}', '{"seed":1001}'} <= set(found)
    place = IdentityStore(root)
    assert place.verify().ok
    place.gc(grace=0)
    assert list((root / "tmp").iterdir()) == list((root / "pins").iterdir()) == []
    assert read_layout(root) == found
    named = {row for path in (root / "manifests").rglob("*.json") for row in blob_names(path)}
    assert named == {path.name for path in (root / "blobs").rglob("*") if path.is_file()}


@pytest.mark.parametrize("locks", ["locks", "no locks"])
def test_sixteen_processes_that_register_the_same_identity_end_with_one(tmp_path, locks):
    root, computed = tmp_path / "identities", tmp_path / "computed"
    assert run_script(CROWD, root, computed, locks) == ["0"] * 16
    computations = len(computed.read_text().split())
    assert computations == 1 if locks == "locks" else computations >= 1
    place = IdentityStore(root)
    assert len({info.digest for info in place.identities()}) == len(list((root / "manifests").rglob("*.json"))) == 1
    assert [info.name for info in place.identities()] == sorted(f"name {index}" for index in range(16))
    rng = np.random.default_rng(0)
    assert read_layout(root)['{"seed":0}']["mid"] == rng.normal(size=(8, 4, 2, 16, 8)).astype(np.float16).tobytes()


def test_gc_beside_readers_and_writers_loses_nothing(tmp_path):
    root = tmp_path / "identities"
    assert run_script(CHURN, root, 3) == ["0"] * 4
    assert '{"seed":0}' in read_layout(root)
    assert IdentityStore(root).verify().ok
