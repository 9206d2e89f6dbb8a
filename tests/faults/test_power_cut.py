"""The power fails at any moment: unsynced changes survive, or not, or in part. Nothing published is ever torn."""

from __future__ import annotations

import random
import shutil

from fixtures.power_cut import cut, judge, record, work
from fixtures.store_layout import read_layout
from fixtures.stored_identity import put

from store import IdentityStore

CHANCES = 2  # disks per moment


def test_no_moment_of_a_power_cut_leaves_anything_torn_or_dangling(tmp_path, quick_disk):
    root, chance = tmp_path / "before" / "identities", random.Random(0)
    log = record(root, work)
    assert len(log) > 150
    for moment in range(len(log) + 1):
        for _ in range(CHANCES):
            judge(cut(root, log, moment, tmp_path / "after", chance), moment)
            shutil.rmtree(tmp_path / "after")


def test_once_put_returns_the_identity_survives(tmp_path, quick_disk):
    root = tmp_path / "before" / "identities"
    log = record(root, lambda place: put(place, 0, "tiger"))
    for number in range(20):
        after = cut(root, log, len(log), tmp_path / f"after {number}", random.Random(number))
        assert '{"seed":0}' in read_layout(after)
        assert IdentityStore(after).resolve("tiger").recipe == {"seed": 0}
