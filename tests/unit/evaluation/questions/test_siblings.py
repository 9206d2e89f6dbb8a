"""Another subject of the same species."""

from __future__ import annotations

import numpy as np

from seal_sdk.evaluation.questions.siblings import sibling


def test_a_sibling_is_another_subject_of_the_same_species(asked):
    for triple in asked:
        other = sibling(triple)
        assert other.identity.species == triple.identity.species and other.kind == triple.kind
        assert other.identity.main != triple.identity.main
        for mine, its in ((triple.reference, other.reference), (triple.structure, other.structure)):
            assert its.image.shape == mine.image.shape and not np.array_equal(its.image, mine.image)
        assert sibling(triple).identity == other.identity
