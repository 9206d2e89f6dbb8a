"""Missing and damaged blobs, disks that cannot be read or written, and locks that are never released."""

from __future__ import annotations

import errno
import threading

import pytest
from fixtures.full_identity import ARRAYS, assert_holds, put, steps_of

import store.local.files
from store import IdentityStore, StoreCorruption, StoreIOError, StoreLocked, StoreReadOnly

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_a_missing_blob_makes_a_miss_and_registering_again_mends_it(place):
    identity = put(place, name="tiger")
    blob = min(path for path in (place.root / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    assert place.get({"seed": 0}) is None
    assert put(place).digest == identity.digest
    assert_holds(place.resolve("tiger"), 0)


def test_a_damaged_blob_is_named_quarantined_and_mended(place):
    identity = put(place, name="tiger")
    for blob in (place.root / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size == ARRAYS[1].chunk_nbytes:
            blob.write_bytes(bytes(blob.stat().st_size))
    with pytest.raises(StoreCorruption, match=r"identity 'tiger', timestep 501, layers a, b: .*quarantined") as caught:
        place.resolve("tiger").step(1)
    assert (caught.value.identity, caught.value.timestep, caught.value.layers) == ("tiger", 501, ("a", "b"))
    assert len(list((place.root / "quarantine").iterdir())) == 1
    assert put(place).digest == identity.digest
    assert_holds(place.resolve("tiger"), 0)


def test_a_damaged_blob_is_not_trusted_when_equal_bytes_are_stored_again(place):
    put(place)
    place.remove(put(place).digest)
    for blob in (place.root / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size:
            blob.write_bytes(b"\xff" * blob.stat().st_size)
    assert_holds(put(place), 0)


def test_a_store_that_may_only_be_read_serves_what_it_has(place, monkeypatch):
    digest = put(place, name="tiger").digest

    def refuse(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    for operation in ("create", "write", "rename", "unlink", "touch", "make_directory"):
        monkeypatch.setattr(store.local.files, operation, refuse)
    reader = IdentityStore(place.root)
    assert_holds(reader.resolve("tiger"), 0)
    assert put(reader, name="tiger").digest == digest
    assert reader.verify().ok
    assert reader.gc(grace=0, dry_run=True).removed == ()
    assert [info.name for info in reader.identities()] == ["tiger"]
    for action in (lambda: put(reader, 1), lambda: reader.pin("tiger"), lambda: reader.tag("other", digest)):
        with pytest.raises(StoreReadOnly, match="Read-only file system"):
            action()


def test_a_disk_that_cannot_be_read_is_no_corruption(place, monkeypatch):
    identity = put(place)

    def refuse(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store.local.files, "read_into", refuse)
    with pytest.raises(StoreIOError, match="Input/output error"):
        identity.step(0)
    assert not (place.root / "quarantine").exists()


def test_waiting_for_another_process_ends_in_a_typed_error(place):
    impatient = IdentityStore(place.root, lock_timeout=0.05)

    def steps():
        errors = []

        def rival():
            try:
                put(impatient)
            except StoreLocked as error:
                errors.append(error)

        thread = threading.Thread(target=rival)
        thread.start()
        thread.join()
        assert "lock_timeout" in str(errors[0])
        yield from steps_of(0)

    assert_holds(put(place, steps=steps), 0)
