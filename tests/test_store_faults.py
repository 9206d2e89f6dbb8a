"""Faults: failing disks, killed and crowded writers, damaged files. Checked by a reader of the layout of its own."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xxhash

import store
import store.files
from store import ArraySpec, IdentityStore, StoreCorruption, StoreError, StoreFormatError, StoreFull, StoreIOError

SPEC = ArraySpec("mid", (2, 2, 2, 16, 8), "float16", "float16", ("a", "b"))
KINDS = ("blobs", "manifests", "recipes", "refs", "FORMAT")


def values_of(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=SPEC.shape).astype(np.float16)


def put(place: IdentityStore, seed: int, name: str | None = None):
    return place.put(
        {"seed": seed},
        arrays=[SPEC],
        steps=lambda: ({"mid": step} for step in values_of(seed)),
        timesteps=[981, 21],
        attributes={"prompt": "a tiger"},
        attachments={"reference.png": b"png %d" % seed},
        name=name,
    )


def is_sound(identity, seed: int) -> bool:
    return b"".join(identity.step(index)["mid"].tobytes() for index in range(2)) == values_of(seed).tobytes()


def read_layout(root: Path) -> dict[str, dict]:
    """Follow every recipe entry and ref to its bytes, and check every blob: our own reading of the layout on disk.

    Returns recipe (as JSON) -> array name -> bytes in the order of the chunk table. Any torn, dangling or foreign file is
    an AssertionError.
    """
    for blob in (path for path in (root / "blobs").rglob("*") if path.is_file()):
        assert xxhash.xxh3_128_hexdigest(blob.read_bytes()) == blob.name, f"torn blob {blob}"
    entries = [path for kind in ("recipes", "refs") for path in (root / kind).rglob("*") if path.is_file()]
    return dict(follow(root, path) for path in entries)


def follow(root: Path, path: Path) -> tuple[str, dict]:
    body, check, rest = path.read_bytes().split(b"\n")
    assert (check, rest) == (hashlib.sha256(body).hexdigest().encode(), b""), f"torn entry {path}"
    entry = json.loads(body)
    assert entry["id"] == path.name
    digest = entry["manifest"]
    data = (root / "manifests" / digest[:2] / f"{digest}.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest, f"torn manifest {digest}"
    manifest = json.loads(data)
    recipe = json.dumps(manifest["recipe"], sort_keys=True, separators=(",", ":"))
    assert entry["kind"] == "ref" or hashlib.sha256(recipe.encode()).hexdigest() == path.name
    arrays: dict[str, bytes] = {}
    for row in manifest["chunks"] + manifest["attachments"]:
        blob = (root / "blobs" / row["xxh3_128"][:2] / row["xxh3_128"]).read_bytes()
        assert (len(blob), hashlib.sha256(blob).hexdigest()) == (row["size"], row["sha256"])
        name = row["key"].split("/")[0]
        arrays[name] = arrays.get(name, b"") + blob
    return recipe, arrays


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


class FaultyDisk:
    """Wraps the store's file operations: syncs cost nothing, and the ``nth`` change of the disk fails with ``error``."""

    CHANGES = ("create", "write", "sync_data", "close", "rename", "sync_directory", "make_directory", "unlink", "touch")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int | None = None, error: int = errno.ENOSPC) -> None:
        self.nth, self.error, self.calls, self.failed = nth, error, 0, ""
        self._lock = threading.Lock()
        for operation in self.CHANGES:
            real = getattr(store.files, operation)
            monkeypatch.setattr(store.files, operation, self._wrap(operation, real))

    def _wrap(self, operation, real):
        def wrapped(*args):
            with self._lock:
                self.calls += 1
                fails = self.calls == self.nth
            if fails:
                self.failed = operation
                if operation == "close":
                    real(*args)
                raise OSError(self.error, os.strerror(self.error))
            return None if operation.startswith("sync") else real(*args)

        return wrapped


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
        patch.setattr(store.files, "write", full)
        with pytest.raises(StoreFull, match="free some space or run gc, then try again") as caught:
            put(place, 2, "tiger")
    assert (caught.value.errno, isinstance(caught.value, OSError)) == (errno.ENOSPC, True)
    assert read_layout(place.root) == before
    assert list((place.root / "tmp").iterdir()) == list((place.root / "pins").iterdir()) == []
    assert is_sound(put(place, 2, "tiger"), 2)


def test_short_writes_are_carried_on(place, monkeypatch):
    real = store.files.write
    monkeypatch.setattr(store.files, "write", lambda descriptor, data: real(descriptor, data[: max(1, len(data) // 3)]))
    assert is_sound(put(place, 0, "tiger"), 0)
    assert place.verify().ok


def test_a_file_whose_sync_failed_is_written_anew_and_never_synced_again(place, monkeypatch):
    synced, real = [], store.files.sync_data

    def fail_once(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}") if sys.platform == "linux" else str(len(synced))
        synced.append(path)
        if len(synced) == 1:
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(store.files, "sync_data", fail_once)
    assert is_sound(put(place, 0), 0)
    assert len(set(synced)) == len(synced)
    assert not Path(synced[0]).exists()


def test_nothing_is_published_before_what_it_names_is_durable(place, monkeypatch):
    """Every rename comes after its file's sync; each later stage after the directory syncs of the stage before."""
    log: list[tuple[str, str]] = []
    rename, sync_directory = store.files.rename, store.files.sync_directory
    monkeypatch.setattr(store.files, "rename", lambda s, t: (rename(s, t), log.append(("rename", str(t)))))
    monkeypatch.setattr(store.files, "sync_directory", lambda p: (sync_directory(p), log.append(("sync", str(p)))))
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
    monkeypatch.setattr("store.blobs.fast_digest", lambda data: "0" * 32)
    with pytest.raises(StoreCorruption, match="same xxh3_128"):
        put(place, 0)
    assert place.get({"seed": 0}) is None


@pytest.fixture(scope="module")
def pristine(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("pristine") / "identities"
    for seed, name in enumerate(("tiger", "lion")):
        put(IdentityStore(root), seed, name)
    return root


def files_by_kind(root: Path) -> dict[str, list[Path]]:
    files = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
    return {kind: [path for path in files if path.parts[0] == kind] for kind in KINDS}


def outcomes(root: Path) -> list[str]:
    """Use both identities by name and by recipe. Each outcome is "sound", "miss" or "error"; wrong bytes fail the test."""
    results = []
    place = IdentityStore(root)
    for seed, name in enumerate(("tiger", "lion")):
        for look_up in (lambda name=name: place.resolve(name), lambda seed=seed: place.get({"seed": seed})):
            try:
                identity = look_up()
                if identity is not None:
                    assert is_sound(identity, seed), "wrong bytes were served"
                    assert identity.attachment("reference.png") == b"png %d" % seed, "a wrong attachment was served"
                results.append("sound" if identity else "miss")
            except StoreError:
                results.append("error")
    return results


def damage_and_use(pristine: Path, root: Path, path: Path, data: bytes | None) -> bool:
    """Damage one file, then verify and use the store; True if the damage was noticed."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(pristine, root, copy_function=shutil.copyfile)
    (root / path).unlink() if data is None else (root / path).write_bytes(data)
    try:
        verified = IdentityStore(root).verify().ok
        assert len(IdentityStore(root).identities()) >= 1
        used = outcomes(root)
        for seed, name in enumerate(("tiger", "lion")):
            put(IdentityStore(root), seed, name)
    except StoreFormatError:
        return True
    assert outcomes(root) == ["sound"] * 4, "registering again mends everything"
    assert IdentityStore(root).verify().ok
    return not verified or set(used) != {"sound"}


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


def run_script(script: str, *arguments: object) -> list[str]:
    """Run a script in a fresh process that may fork, and return its lines."""
    environment = os.environ | {"PYTHONPATH": str(Path(store.__file__).parents[1])}
    command = [sys.executable, "-c", SCRIPT + script, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=120
    ).stdout.split()


SCRIPT = """
import os, random, signal, sys, time
import numpy as np
from store import ArraySpec, IdentityStore

SPEC = ArraySpec("mid", (8, 4, 2, 16, 8), "float16", "float16", tuple("abcd"), layers_per_chunk=2)

def steps(seed, computed=None):
    if computed:
        with open(computed, "a") as file:
            file.write("computed\\n")
    for step in np.random.default_rng(seed).normal(size=SPEC.shape).astype(np.float16):
        yield {"mid": step}

def put(root, seed, name=None, computed=None):
    return IdentityStore(root).put({"seed": seed}, arrays=[SPEC], steps=lambda: steps(seed, computed), timesteps=range(8),
                                   attributes={}, attachments={"reference.png": b"png"}, name=name)

def fork(action):
    pid = os.fork()
    if pid == 0:
        try:
            action()
            os._exit(0)
        finally:
            os._exit(1)
    return pid
"""

KILL = """
root, kills = sys.argv[1], int(sys.argv[2])
rng = random.Random(0)
for seed in (1000, 1001):
    started = time.perf_counter()
    put(root, seed, "kept")
    usual = time.perf_counter() - started
for seed in range(kills):
    pid = fork(lambda: put(root, seed, "tiger"))
    time.sleep(rng.uniform(0, usual))
    os.kill(pid, signal.SIGKILL)
    print("killed" if os.WIFSIGNALED(os.waitpid(pid, 0)[1]) else "finished")
"""


def test_killed_writers_leave_nothing_torn_and_gc_leaves_nothing_behind(tmp_path):
    root = tmp_path / "identities"
    ends = run_script(KILL, root, 40)
    assert ends.count("killed") >= 15
    found = read_layout(root)
    assert {'{"seed":1000}', '{"seed":1001}'} <= set(found)
    place = IdentityStore(root)
    assert place.verify().ok
    place.gc(grace=0)
    assert list((root / "tmp").iterdir()) == list((root / "pins").iterdir()) == []
    assert read_layout(root) == found
    named = {row for path in (root / "manifests").rglob("*.json") for row in blob_names(path)}
    assert named == {path.name for path in (root / "blobs").rglob("*") if path.is_file()}


def blob_names(manifest: Path) -> list[str]:
    fields = json.loads(manifest.read_bytes())
    return [row["xxh3_128"] for row in fields["chunks"] + fields["attachments"]]


CROWD = """
root, computed, locks = sys.argv[1:]
if locks == "no locks":
    import contextlib, filelock
    class NoLock:
        def __init__(self, *args, **kwargs): pass
        def acquire(self): pass
        def release(self): pass
    filelock.FileLock = NoLock
children = [fork(lambda: put(root, 0, f"name {index}", computed)) for index in range(16)]
print(*[os.waitpid(child, 0)[1] for child in children])
"""


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


CHURN = """
root, seconds = sys.argv[1], float(sys.argv[2])
end = time.time() + seconds
put(root, 0, "kept")

def write(worker):
    count = 0
    while time.time() < end:
        put(root, 1 + count % 5, f"worker {worker}")
        if count % 3 == 2:
            IdentityStore(root).remove(f"worker {worker}")
        count += 1

def read():
    while time.time() < end:
        identity = IdentityStore(root).resolve("kept")
        for index, step in enumerate(steps(0)):
            assert identity.step(index)["mid"].tobytes() == step["mid"].tobytes()

def collect():
    while time.time() < end:
        IdentityStore(root).gc(grace=0.2)

children = [fork(action) for action in (lambda: write(0), lambda: write(1), read, collect)]
print(*[os.waitpid(child, 0)[1] for child in children])
"""


def test_gc_beside_readers_and_writers_loses_nothing(tmp_path):
    root = tmp_path / "identities"
    assert run_script(CHURN, root, 3) == ["0"] * 4
    assert '{"seed":0}' in read_layout(root)
    assert IdentityStore(root).verify().ok
