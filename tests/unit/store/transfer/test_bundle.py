"""Bundles: an identity as one file, and files that only look like one."""

from __future__ import annotations

import hashlib
import json
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
import safetensors
from fixtures.bundles import RECIPE, import_outcome, put, steps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store.local.files
from store import IdentityStore, InvalidBundle, NameInUse, StoreError, StoreFull
from store.format.manifest import Manifest

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "there")


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A good bundle from another store."""
    here = IdentityStore(tmp_path / "here")
    put(here)
    here.export("tiger", tmp_path / "tiger.seal")
    return tmp_path / "tiger.seal"


def split(bundle: Path) -> tuple[dict, bytes]:
    data = bundle.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(bundle: Path, header: object, data: bytes) -> Path:
    text = json.dumps(header).encode()
    bundle.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return bundle


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_identity_travels_whole(place, bundle):
    seen = []
    stored = place.import_bundle(bundle, progress=lambda done, total: seen.append((done, total)))
    assert stored.name == "imported/tiger" and [info.name for info in place.identities()] == ["imported/tiger"]
    for index, step in enumerate(steps()):
        assert stored.step(index)["mid"].tobytes() == step["mid"].tobytes()
    assert stored.attachment("reference.png") == b"png"
    assert seen[-1][0] == seen[-1][1] == sum(blob.size for blob in stored._manifest.blobs)
    assert place.verify().ok and not place.gc(grace=0).removed


def test_a_bundle_is_a_safetensors_file(bundle):
    with safetensors.safe_open(bundle, "np") as file:
        manifest = Manifest.from_bytes(
            *(lambda text: (text, hashlib.sha256(text).hexdigest()))(file.metadata()["manifest"].encode())
        )
        assert set(file.keys()) == {blob.xxh3_128 for blob in manifest.blobs}
        for blob in manifest.blobs:
            assert hashlib.sha256(file.get_tensor(blob.xxh3_128).tobytes()).hexdigest() == blob.sha256


def test_what_was_imported_answers_no_recipe_until_it_is_trusted(place, bundle):
    recipe = {**RECIPE, "seed": 0}
    place.import_bundle(bundle)
    assert place.get(recipe) is None
    trusted = place.import_bundle(bundle, trust=True, name="tom")
    assert trusted.name == "tom" and place.get(recipe).digest == trusted.digest


def test_a_used_name_is_kept_or_taken_over_as_asked(place, bundle, tmp_path):
    place.import_bundle(bundle)
    other = IdentityStore(tmp_path / "other")
    put(other, seed=1)
    other.export("tiger", tmp_path / "other.seal")
    with pytest.raises(NameInUse):
        place.import_bundle(tmp_path / "other.seal", replace=False)
    again = place.import_bundle(tmp_path / "other.seal")
    assert place.resolve("imported/tiger").digest == again.digest


def test_exporting_a_damaged_identity_writes_nothing(place, tmp_path):
    put(place)
    blob = next(path for path in (place.root / "blobs").rglob("*") if path.is_file() and path.stat().st_size > 3)
    blob.write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(StoreError):
        place.export("tiger", tmp_path / "out.seal")
    assert not list(tmp_path.glob("*.seal")) and [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_full_disk_ends_an_import_cleanly(place, bundle, monkeypatch):
    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.local.files, "write", full)
    with pytest.raises(StoreFull):
        place.import_bundle(bundle)
    monkeypatch.undo()
    assert place.verify().ok and not place.identities()
    place.import_bundle(bundle)


def _manifest(header: dict) -> dict:
    return json.loads(header["__metadata__"]["manifest"])


def _renamed(header: dict, change) -> dict:
    """The header with its manifest changed and written as the store would."""
    manifest = _manifest(header)
    change(manifest)
    header["__metadata__"]["manifest"] = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return header


HOSTILE = {
    "no safetensors": lambda header, data: (None, b"not a bundle at all, but text"),
    "empty": lambda header, data: (None, b""),
    "a header longer than the file": lambda header, data: (None, struct.pack("<Q", 2**20) + b"{}"),
    "a header of 2**63 bytes": lambda header, data: (None, struct.pack("<Q", 2**63) + b"{}"),
    "no metadata": lambda header, data: ({k: v for k, v in header.items() if k != "__metadata__"}, data),
    "a list": lambda header, data: ([1, 2], data),
    "nested deeply": lambda header, data: (None, struct.pack("<Q", 200_000) + b"[" * 200_000),
    "a newer format": lambda header, data: (
        header | {"__metadata__": header["__metadata__"] | {"format": "seal-bundle 9"}}, data),
    "a path for a name": lambda header, data: (
        header | {"__metadata__": header["__metadata__"] | {"name": "../../escaped"}}, data),
    "a tensor too many": lambda header, data: (
        header | {"0" * 32: {"dtype": "U8", "shape": [1], "data_offsets": [len(data), len(data) + 1]}}, data + b"x"),
    "a path for a tensor": lambda header, data: (
        header | {"../evil": {"dtype": "U8", "shape": [1], "data_offsets": [len(data), len(data) + 1]}}, data + b"x"),
    "cut": lambda header, data: (header, data[:-1]),
    "longer": lambda header, data: (header, data + b"x"),
    "another byte": lambda header, data: (header, data[:100] + bytes([data[100] ^ 1]) + data[101:]),
    "a path for a digest": lambda header, data: (
        _renamed(header, lambda m: m["chunks"][0].update(xxh3_128="../../../../tmp/evil")), data),
    "a huge array": lambda header, data: (
        _renamed(header, lambda m: m["arrays"][0].update(shape=[2, 3, 2, 2**40, 8])), data),
    "a huge blob": lambda header, data: (_renamed(header, lambda m: m["chunks"][0].update(size=2**50)), data),
    "another sha256": lambda header, data: (_renamed(header, lambda m: m["chunks"][0].update(sha256="0" * 64)), data),
    "an attachment with a path": lambda header, data: (
        _renamed(header, lambda m: m["attachments"][0].update(key="../../evil")), data),
    "a manifest that is no JSON": lambda header, data: (
        header | {"__metadata__": header["__metadata__"] | {"manifest": "{"}}, data),
    "a manifest written otherwise": lambda header, data: (
        header | {"__metadata__": header["__metadata__"] | {"manifest": json.dumps(_manifest(header))}}, data),
    "overlapping tensors": lambda header, data: (
        {k: (v if k == "__metadata__" else v | {"data_offsets": [0, v["shape"][0]]}) for k, v in header.items()}, data),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_bundle_is_refused_and_leaves_nothing_but_garbage(place, bundle, tmp_path, kind):
    before = set(contents(tmp_path))
    header, data = HOSTILE[kind](*split(bundle))
    if header is None:
        bundle.write_bytes(data)
    else:
        join(bundle, header, data)
    tracemalloc.start()
    with pytest.raises(InvalidBundle):
        place.import_bundle(bundle)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20
    assert not place.identities() and place.verify().ok
    written = set(contents(tmp_path)) - before
    assert all(path.startswith(("there/blobs/", "there/locks/")) for path in written)  # good blobs, for gc to free


def test_no_flipped_bit_is_silent(place, bundle):
    good, rng = bundle.read_bytes(), random.Random(0)
    outcomes = set()
    for _ in range(400):
        data = bytearray(good)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        bundle.write_bytes(data)
        outcomes.add(import_outcome(place, bundle))
    assert outcomes <= {"refused", "taken"}  # taken: the flip hit the suggested name; the bytes are those registered


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_edit_of_a_bundle_gets_anything_past_the_checks(place, bundle, data):
    good = Path(str(bundle) + ".good")
    if not good.exists():
        good.write_bytes(bundle.read_bytes())
    text = bytearray(good.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text) - 1))
        end = min(len(text), start + data.draw(st.integers(0, 64)))
        text[start:end] = data.draw(st.binary(max_size=64))
    bundle.write_bytes(text)
    assert import_outcome(place, bundle) in {"refused", "taken"}
    assert {path.name for path in place.root.parent.iterdir()} == {"there", "here", bundle.name, good.name}
