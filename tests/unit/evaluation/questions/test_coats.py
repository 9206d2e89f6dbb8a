"""How much of a coat shows its pattern."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.evaluation.questions.coats import marked_share, shows_pattern
from seal_sdk.pocket import world


def cat(**looks):
    return replace(world.Identity("cat", (1.0, 0.5, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)), **looks)


def test_a_plain_coat_shows_nothing_and_stripes_cover_their_share():
    pose = world.sample_pose(np.random.default_rng(0), "cat")
    assert marked_share(cat(), pose) == 0 and not shows_pattern(cat(), pose)
    assert marked_share(cat(pattern="striped"), pose) == pytest.approx(0.46, abs=0.1)  # as they are painted
    assert shows_pattern(cat(pattern="striped"), pose)


@pytest.mark.parametrize("species", world.SPECIES)
@pytest.mark.parametrize("pattern", ["striped", "spotted"])
def test_stripes_and_spots_always_show(species, pattern):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        identity = replace(world.sample_identity(rng, species), pattern=pattern)
        assert shows_pattern(identity, world.sample_pose(rng, species))


def test_colours_do_not_matter_and_every_pose_counts():
    def pose(seed):
        return world.sample_pose(np.random.default_rng(seed), "dog")

    hidden = next(
        identity
        for seed in range(100)
        if marked_share(
            identity := replace(world.sample_identity(np.random.default_rng(seed), "dog"), pattern="two-tone"), pose(1)
        )
        < 0.2
    )
    assert not shows_pattern(hidden, pose(1))
    other = replace(hidden, main=(0.2, 0.9, 0.1), second=(0.9, 0.1, 0.9))
    assert marked_share(other, pose(1)) == marked_share(hidden, pose(1))
    striped = replace(hidden, pattern="striped")
    assert shows_pattern(striped, pose(1), pose(2))
