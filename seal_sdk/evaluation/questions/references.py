"""More reference photos of the subject of a question. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.pocket import world


def further_photos(triple: Triple, count: int) -> list[tuple[world.Rendering, str]]:
    """Photos of the same identity in other poses on other scenes, each with its prompt."""
    rng, size = np.random.default_rng((triple.seed, 11)), len(triple.truth.mask)
    photos = []
    for _ in range(count):
        pose, scene = world.sample_pose(rng, triple.identity.species), world.sample_scene(rng)
        content = (triple.identity, pose, scene)
        photos.append((world.render(*content, size=size), world.caption(*content)))
    return photos
