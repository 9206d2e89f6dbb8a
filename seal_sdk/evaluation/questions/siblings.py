"""Another subject of the same species. Ours."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.questions.triples import Triple, triples_about
from seal_sdk.pocket import world


def sibling(triple: Triple) -> Triple:
    """A plain question about another subject of the triple's species, in other poses and, by chance, on other scenes."""
    species, rng = triple.identity.species, np.random.default_rng((triple.seed, 19))
    shown = world.Sample(world.sample_identity(rng, species), world.sample_pose(rng, species), world.sample_scene(rng))
    (other,) = triples_about(shown, triple.seed, (triple.kind,), len(triple.truth.mask), draw=2)
    return other
