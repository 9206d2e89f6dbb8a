"""Making room: what goes first, what never goes, and a budget that is kept."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from store import ArraySpec, IdentityStore, InvalidValue, OverBudget

ARRAY = ArraySpec("mid", (1, 1, 2, 8, 16), "float32", "float32", ("a",))
DAY = 86400.0


def put(place: IdentityStore, name: str | None, *, days_ago: float = 0.0):
    seed = abs(hash(name)) % 2**32
    values = np.random.default_rng(seed).normal(size=ARRAY.shape[1:]).astype("f4")
    stored = place.put(
        {"seed": seed},
        arrays=[ARRAY],
        steps=lambda: iter([{"mid": values}]),
        timesteps=[500],
        attributes={"prompt": str(name)},
        attachments={},
        name=name,
    )
    age(place, stored.digest, days_ago)
    return stored


def age(place: IdentityStore, digest: str, days: float) -> None:
    """Make everything of the store's as old as if it was used last so many days ago."""
    then = time.time() - days * DAY
    os.utime(place.root / "manifests" / digest[:2] / f"{digest}.json", (then, then))
    for blob in (place.root / "blobs").rglob("*"):
        os.utime(blob, (time.time() - 100 * DAY,) * 2)


def names(place: IdentityStore) -> list[str | None]:
    return [info.name for info in place.identities()]


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    opened = IdentityStore(tmp_path / "store")
    for number, name in enumerate(("old", "older", "oldest"), 1):
        put(opened, name, days_ago=10 * number)
    return opened


def test_the_least_recently_used_go_first(place):
    report = place.prune(max_bytes=2 * ARRAY.nbytes, dry_run=True)
    assert [each.names for each in report.removed] == [("oldest",)] and report.kept_bytes == 2 * ARRAY.nbytes
    assert len(names(place)) == 3  # a dry run
    place.prune(max_bytes=2 * ARRAY.nbytes)
    assert names(place) == ["old", "older"]


def test_age_is_counted_from_the_last_use(place):
    place.resolve("oldest").step(0)
    report = place.prune(older_than=15 * DAY)
    assert [each.names for each in report.removed] == [("older",)] and names(place) == ["old", "oldest"]


def test_looking_is_no_use(place):
    place.resolve("oldest")
    place.identities()
    place.usage()
    assert [each.names for each in place.prune(older_than=25 * DAY).removed] == [("oldest",)]


def test_pinned_and_leased_identities_stay(place):
    place.pin("oldest")
    with place.resolve("older").lease():
        place.prune(max_bytes=0)
    assert names(place) == ["older", "oldest"]


def test_an_identity_that_is_read_outlives_its_name(place):
    stored = place.resolve("old")
    expected = stored.step(0)["mid"].tobytes()
    age(place, stored.digest, 10)
    with stored.lease():
        place.remove("old")
        place.gc(grace=0)
        assert stored.step(0)["mid"].tobytes() == expected
    age(place, stored.digest, 10)
    assert any(stored.digest in path for path in place.gc(grace=0).removed)


def test_one_without_a_name_goes_too(tmp_path):
    place = IdentityStore(tmp_path / "store")
    put(place, None, days_ago=3)
    assert len(place.prune(older_than=DAY).removed) == 1 and not place.identities()


def test_prune_needs_a_scope(place):
    with pytest.raises(InvalidValue, match="older_than"):
        place.prune()


def test_a_budget_evicts_and_is_kept(place):
    small = IdentityStore(place.root, budget=2 * ARRAY.nbytes)
    put(small, "new")
    assert names(small) == ["new", "old"]
    blobs = [path for path in (small.root / "blobs").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in blobs) == 2 * ARRAY.nbytes  # freed at once
    assert small.verify().ok


def test_a_budget_refuses_before_anything_is_computed_or_removed(place):
    computed = []

    def steps():
        computed.append(1)
        yield {"mid": np.zeros(ARRAY.shape[1:], "f4")}

    asked = dict(arrays=[ARRAY], steps=steps, timesteps=[500], attributes={}, attachments={})
    strict = IdentityStore(place.root, budget=3 * ARRAY.nbytes, over_budget="refuse")
    with pytest.raises(OverBudget, match="budget of 3072"):
        strict.put({"new": 1}, **asked)
    tiny = IdentityStore(place.root, budget=ARRAY.nbytes // 2)
    with pytest.raises(OverBudget, match="fewer timesteps"):
        tiny.put({"new": 1}, **asked)
    assert not computed and len(names(place)) == 3
    put(strict, "old")  # a hit needs no room


def test_a_budget_is_checked_when_given(tmp_path):
    with pytest.raises(InvalidValue, match="over_budget='keep'"):
        IdentityStore(tmp_path / "s", budget=1, over_budget="keep")
    with pytest.raises(InvalidValue, match="budget=-1"):
        IdentityStore(tmp_path / "s", budget=-1)


def run(*arguments):
    result = CliRunner().invoke(seal, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_the_command(place):
    root = ("--store", place.root)
    assert run("prune", *root)[0] == 2
    assert run("prune", *root, "--max-size", "1 parsec")[0] == 2
    code, text = run("prune", *root, "--older-than", "25d", "--dry-run", "--json")
    report = json.loads(text)
    assert code == 0 and [each["names"] for each in report["removed"]] == [["oldest"]] and report["dry_run"]
    assert run("prune", *root, "--older-than", "25d")[0] == 2  # nobody is there to ask
    assert len(names(place)) == 3
    code, text = run("prune", *root, "--older-than", "2w", "--max-size", "1KiB", "-y")
    assert code == 0 and "2 identities" in text and names(place) == ["old"]
