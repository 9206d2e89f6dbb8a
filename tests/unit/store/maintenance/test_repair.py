"""Repair sets damaged files aside, and says what heals and what is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from store import ArraySpec, IdentityStore, UnknownName

ARRAY = ArraySpec("mid", (1, 1, 2, 8, 16), "float32", "float32", ("a",))


def put(place: IdentityStore, seed: int, name: str):
    values = np.random.default_rng(seed).normal(size=ARRAY.shape[1:]).astype("f4")
    what = dict(arrays=[ARRAY], steps=lambda: iter([{"mid": values}]), timesteps=[500], attributes={"prompt": name})
    return place.put({"seed": seed}, attachments={"reference.png": b"png %d" % seed}, name=name, **what)


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    opened = IdentityStore(tmp_path / "store")
    for seed, name in enumerate(("cat", "dog", "owl", "fox")):
        put(opened, seed, name)
    return opened


def blob(place: IdentityStore, name: str, table: str) -> Path:
    digest = place.resolve(name).digest
    manifest = json.loads((place.root / "manifests" / digest[:2] / f"{digest}.json").read_text())
    content = manifest[table][0]["xxh3_128"]
    return place.root / "blobs" / content[:2] / content


def damage(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))


def test_repair_sets_aside_what_is_damaged_and_leaves_the_rest(place):
    damage(blob(place, "cat", "chunks"))
    damage(blob(place, "dog", "attachments"))
    damage(place.root / "refs" / "owl")
    repaired = place.repair(place.verify())
    assert len(repaired.quarantined) == 3
    assert repaired.heal == ("cat",) and repaired.lost == ("dog", "owl")
    assert {info.name for info in place.identities()} == {"cat", "dog", "fox", None}
    put(place, 0, "cat")
    put(place, 1, "dog")
    put(place, 2, "owl")
    assert place.verify().ok and place.resolve("fox").step(0)
    with pytest.raises(UnknownName):
        place.resolve("eel")


def test_repairing_a_sound_store_does_nothing(place):
    report = place.repair(place.verify())
    assert report.quarantined == report.heal == report.lost == ()


def test_the_command(place):
    damage(blob(place, "cat", "chunks"))

    def run(*arguments):
        result = CliRunner().invoke(seal, ["verify", "--store", str(place.root), *arguments])
        return result.exit_code, result.stdout

    assert run("--full", "--quick")[0] == 2
    code, text = run("--full", "--json")
    assert code == 1 and json.loads(text)["repair"] is None
    code, text = run("--repair", "--json")
    assert code == 1 and json.loads(text)["repair"]["heal"] == ["cat"]
    assert run()[0] == 1  # now it is missing, until somebody uses it
    put(place, 0, "cat")
    assert run()[0] == 0
