"""Locks where there are none to be had."""

from __future__ import annotations

import errno

import filelock
import numpy as np
import pytest

from store import ArraySpec, IdentityStore, StoreIOError

SPEC = ArraySpec("mid", (1, 1, 2, 2, 2), "float32", "float32", ("a",))


def put(store):
    step = {"mid": np.zeros(SPEC.shape[1:], "f4")}
    what = dict(arrays=[SPEC], steps=lambda: iter([step]), timesteps=[1], attributes={}, attachments={})
    return store.put({"a": 1}, **what)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOLCK, "No locks available"),
        OSError(errno.ENOSYS, "Function not implemented"),
        NotImplementedError("flock"),
    ],
    ids=["ENOLCK", "ENOSYS", "not-implemented"],
)
def test_a_file_system_without_locks_says_what_to_do(tmp_path, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    store = IdentityStore(tmp_path / "store")
    monkeypatch.setattr(filelock.FileLock, "acquire", fail)
    with pytest.raises(StoreIOError, match=r"has no locks.*local disk.*object store"):
        put(store)
    monkeypatch.undo()
    assert store.verify().ok and put(store).digest


def test_other_failures_stay_failures_of_the_disk(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EIO, "Input/output error")

    store = IdentityStore(tmp_path / "store")
    monkeypatch.setattr(filelock.FileLock, "acquire", fail)
    with pytest.raises(StoreIOError, match="the disk failed while locking"):
        put(store)
