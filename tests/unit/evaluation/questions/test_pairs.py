"""Pairs of identities: two subjects of one species, side by side."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics.truth import subject_error
from seal_sdk.evaluation.questions.pairs import pairs


@pytest.fixture(scope="module")
def asked():
    return list(pairs(range(400_000, 400_003)))


def test_two_subjects_stand_side_by_side(asked):
    for pair in asked:
        first, second = pair.masks
        assert first.sum() > 200 and second.sum() > 200 and not (first & second).any()
        columns = [np.nonzero(mask.any(0))[0].mean() for mask in pair.masks]
        assert columns[0] < columns[1]


def test_each_alone_is_a_part_of_both_together(asked):
    for pair in asked:
        for mask, alone in zip(pair.masks, pair.alone, strict=True):
            assert np.array_equal(pair.structure[mask], alone[mask])
        assert subject_error(pair.truth, pair.truth, pair.masks[0]) == 0


def test_the_same_seed_asks_the_same(asked):
    (again,) = pairs([400_000])
    assert np.array_equal(again.truth, asked[0].truth) and again.prompt == asked[0].prompt


def test_an_unknown_kind_is_refused():
    with pytest.raises(ConfigError, match="'photo' is no structure kind"):
        next(pairs([1], "photo"))
