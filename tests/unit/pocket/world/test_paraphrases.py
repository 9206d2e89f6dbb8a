"""Paraphrases: the same said twice."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation.questions.triples import triple
from seal_sdk.evaluation.questions.wordings import reworded
from seal_sdk.pocket import world
from seal_sdk.pocket.world import caption, color_name, paraphrase, sample, words
from seal_sdk.pocket.world.rich_captions import COLOR_WORDS, PATTERN_WORDS, SYNONYMS


def pairs(count=600):
    for seed in range(count):
        drawn = sample(seed)
        yield drawn, *paraphrase(drawn.identity, drawn.pose, drawn.scene, rng=np.random.default_rng(seed))


def said(text, names):
    """Which of the names, each with its synonyms, a text says."""
    told = set(words(text))
    return {name for name, synonyms in names.items() if told & {name, *synonyms}}


def test_both_name_the_same_looks_and_the_same_scene():
    colors = {name: COLOR_WORDS.get(name, ()) for name in world.COLORS}
    named = {"color": 0, "pattern": 0, "nothing": 0}
    for drawn, plain, other in pairs():
        identity = drawn.identity
        assert plain.startswith(caption(identity, drawn.pose, drawn.scene).partition(" a ")[0]), plain
        assert said(plain, SYNONYMS) == {identity.species} <= said(other, SYNONYMS), other
        assert said(plain, colors) == said(other, colors) <= {color_name(identity.main)}, other
        assert said(plain, PATTERN_WORDS) == said(other, PATTERN_WORDS) <= {identity.pattern}, other
        assert (world.place(drawn.scene) in plain) == (world.place(drawn.scene) in other), other
        named["color"] += bool(said(plain, colors))
        named["pattern"] += bool(said(plain, PATTERN_WORDS))
        named["nothing"] += not said(plain, colors | PATTERN_WORDS)
    assert min(named.values()) > 100, named


def test_the_wording_varies_and_the_generator_fixes_it():
    found = list(pairs(300))
    assert [texts for _, *texts in found] == [texts for _, *texts in pairs(300)]
    assert len({other for *_, other in found}) > 290
    assert sum(plain != other for _, plain, other in found) > 290


@pytest.mark.parametrize("name", ["long", "paraphrased", "decorated"])
def test_the_wordings_of_the_benchmark_stay_unseen(name):
    prompts = {each.prompt for each in reworded((triple(seed, "mesh") for seed in range(400_000, 400_100)), name)}
    assert not prompts & {other for *_, other in pairs(2000)}
