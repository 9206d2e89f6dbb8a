"""Questions whose prompt names another coat colour than the reference's: only the colour may change. Ours.

Every plain question already names another scene. The world renders how the same subject looks with the new colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from seal_sdk.evaluation.questions.triples import COLOR, Triple
from seal_sdk.pocket import world


def recoloured(triples: Iterable[Triple]) -> Iterator[Triple]:
    """The same questions with a prompt that names another coat colour than the reference's.

    The reference prompt names the old colour. The ground truth is the subject in the new one, with all else unchanged.
    """
    for triple in triples:
        before = triple.identity
        identity = replace(before, main=_another_color(triple.seed, before))
        first = world.sample(triple.seed)
        size = len(triple.truth.mask)
        yield replace(
            triple,
            identity=identity,
            reference_prompt=world.caption(before, first.pose, first.scene, color=True),
            truth=world.render(identity, triple.pose, triple.scene, size=size),
            prompt=world.caption(identity, triple.pose, triple.scene, color=True),
            question=COLOR,
        )


def _another_color(seed: int, identity: world.Identity) -> tuple[float, float, float]:
    """A colour whose name is none of those of the identity's colours."""
    rng = np.random.default_rng((seed, 3))
    taken = {world.color_name(color) for color in (identity.main, identity.second, identity.accent)}
    while True:
        color = world.sample_identity(rng, identity.species).main
        if world.color_name(color) not in taken:
            return color
