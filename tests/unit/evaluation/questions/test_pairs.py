"""Pairs of identities: two subjects of one species, side by side."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics.prompt_following import color_scores
from seal_sdk.evaluation.metrics.truth import subject_error
from seal_sdk.evaluation.questions.pairs import pairs
from seal_sdk.pocket import world


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


@pytest.fixture(scope="module")
def recolored():
    return list(pairs(range(400_000, 400_003), question="color"))


def test_each_identity_of_a_conflict_has_a_colour_and_a_wording_of_its_own(recolored):
    for pair in recolored:
        said = [set(world.words(text)) & set(world.COLORS) for text in pair.subject_prompts]
        shown = [set(world.words(text)) & set(world.COLORS) for text in pair.reference_prompts]
        assert [len(each) for each in (*said, *shown)] == [1] * 4 and said[0] != said[1]
        assert all(new != old for new, old in zip(said, shown, strict=True))
        subjects = [text.removeprefix("a photo of ") for text in pair.subject_prompts]
        assert pair.prompt.startswith(f"a photo of {subjects[0]} and {subjects[1]} ")
        place = pair.prompt.removeprefix(f"a photo of {' and '.join(subjects)}")
        assert pair.alone_prompts == tuple(text + place for text in pair.subject_prompts)


def test_a_conflict_of_a_pair_changes_the_colours_of_the_truth_alone(asked, recolored):
    for plain, pair in zip(asked, recolored, strict=True):
        assert np.array_equal(plain.structure, pair.structure) and plain.masks[0].sum() == pair.masks[0].sum()
        for index, mask in enumerate(pair.masks):
            assert np.array_equal(pair.before[index].image[mask], plain.truth[mask])
            assert np.array_equal(pair.truths[index].image[mask], pair.truth[mask])
            scores = color_scores(pair.truth, pair.truths[index], pair.before[index])
            assert scores["color_success"] == 1 and color_scores(plain.truth, pair.truths[index], pair.before[index])[
                "color_change"
            ] == pytest.approx(0, abs=0.05)


def test_an_unknown_question_about_pairs_is_refused():
    with pytest.raises(ConfigError, match="'pattern' is no question"):
        next(pairs([1], question="pattern"))
