"""How the store's costs grow: the library that is measured is as large as it says, and every cost is taken."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from seal_sdk.errors import InputError
from seal_sdk.evaluation.cost import library
from seal_sdk.evaluation.cost.library import measure_library
from store import IdentityStore


def test_the_library_grows_from_count_to_count(tmp_path, quick_disk, monkeypatch):
    sizes = []
    monkeypatch.setattr(
        IdentityStore, "verify", lambda store: sizes.append(len([info for info in store.identities() if info.name]))
    )
    small, large = measure_library([3, 8], tmp_path / "library")
    assert (small.identities, large.identities) == (3, 8)
    assert sizes == [3] * library.PASSES + [8] * library.PASSES
    for cost in (small, large):
        seconds = {name: value for name, value in asdict(cost).items() if name != "identities"}
        assert len(seconds) == 9 and all(isinstance(each, float) and 0 < each < 5 for each in seconds.values())


def test_what_was_measured_is_a_sound_store(tmp_path, quick_disk):
    measure_library([4], tmp_path / "library")
    store = IdentityStore(tmp_path / "library", create=False)
    assert store.verify().ok
    assert [info.name for info in store.identities()] == [f"subject {number}" for number in range(4)]
    assert not store.gc(dry_run=True).freed_bytes


def test_the_cost_of_an_operation_is_the_median_of_its_times(monkeypatch):
    clock = iter([0.0, 5.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(library, "perf_counter", lambda: next(clock))
    assert library._pass(lambda: None) == 2.0  # of 5, 1 and 2


@pytest.mark.parametrize("counts", [[], [0], [5, 3], [3, 3]])
def test_a_library_that_does_not_grow_is_refused(tmp_path, counts):
    with pytest.raises(InputError, match="sizes of a growing library"):
        measure_library(counts, tmp_path / "library")


def test_a_folder_that_is_in_use_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        measure_library([3], tmp_path)
