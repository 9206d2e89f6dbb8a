"""Questions whose prompt names another colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seal_sdk.evaluation.metrics.truth import dilate
from seal_sdk.evaluation.questions.conflicts import recoloured
from seal_sdk.evaluation.questions.triples import COLOR
from seal_sdk.pocket import world


def test_a_conflict_asks_for_another_coat_and_nothing_else(asked, conflicting):
    for plain, changed in zip(asked, conflicting, strict=True):
        said = {world.color_name(changed.identity.main), world.color_name(plain.identity.main)}
        assert len(said) == 2 and replace(changed.identity, main=plain.identity.main) == plain.identity
        assert [set(world.words(text)) & said for text in (changed.prompt, changed.reference_prompt)] == [
            {world.color_name(changed.identity.main)},
            {world.color_name(plain.identity.main)},
        ]
        outside = ~dilate(plain.truth.mask | changed.truth.mask, 2)  # edges are blended
        assert np.array_equal(changed.truth.image[outside], plain.truth.image[outside])
        assert np.array_equal(changed.truth.mask, plain.truth.mask) and changed.question == COLOR
    assert [each.prompt for each in recoloured(asked)] == [each.prompt for each in conflicting]
