"""Richer captions: many wordings, all of them true."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from seal_sdk.evaluation.questions.triples import triple
from seal_sdk.evaluation.questions.wordings import reworded
from seal_sdk.pocket import world
from seal_sdk.pocket.world import caption, color_name, rich_caption, sample, words

MARKS = {"stripes": "striped", "spots": "spotted", "patches": "patched"}
PATTERN_WORDS = {
    "unpatterned": "plain",
    "stripy": "striped",
    "dotted": "spotted",
    "patchy": "patched",
    "two-coloured": "two-tone",
} | {pattern: pattern for pattern in world.PATTERNS}


def said(count=1500):
    for seed in range(count):
        drawn = sample(seed)
        rng = np.random.default_rng(seed)
        yield drawn, rich_caption(drawn.identity, drawn.pose, drawn.scene, rng=rng)


def test_all_that_is_said_is_true():
    for drawn, text in said():
        identity, told = (
            drawn.identity,
            [word.removesuffix("-coloured") for word in words(text) if word != "two-coloured"],
        )
        told += ["two-coloured"] * ("two-coloured" in text)
        colors = {"grey" if word == "gray" else word for word in told} & set(world.COLORS)
        assert colors <= {color_name(identity.main), color_name(identity.second)}, text
        for index, word in enumerate(told):
            denied = index > 0 and told[index - 1] in ("no", "not", "without")
            pattern = PATTERN_WORDS.get(word) or MARKS.get(word)
            assert pattern is None or denied == (pattern != identity.pattern), text
        assert {*told} & set(world.SCENES) <= {drawn.scene.name}, text


def test_a_second_colour_is_that_of_the_marks():
    texts = [(drawn.identity, text.split(" with ")[1]) for drawn, text in said() if " with " in text]
    told = [(identity, text.split()) for identity, text in texts if text.split()[0] in world.COLORS]
    assert len(told) > 20
    for identity, (color, marks, *_) in told:
        assert color == color_name(identity.second) and MARKS[marks.strip(",")] == identity.pattern


def test_they_leave_open_and_deny_and_decorate_and_begin_with_the_place():
    texts = [text for _, text in said(600)]
    counts = Counter(
        name
        for text in texts
        for name, there in (
            ("no colour", not set(words(text)) & {*world.COLORS, "gray"}),
            ("denied", any(f", {word} " in text for word in ("no", "not", "without"))),
            ("decorated", "bokeh" in text or "35mm" in text),
            ("place first", text.startswith(("on ", "in ", "at "))),
        )
        if there
    )
    assert all(30 < count < 500 for count in counts.values()) and len(counts) == 4, counts
    assert len(set(texts)) > 550


def test_the_generator_fixes_the_wording():
    assert list(said(20)) == list(said(20))


def test_structure_images_keep_their_captions():
    drawn = sample(0)
    content = (drawn.identity, drawn.pose, drawn.scene, "mesh")
    assert rich_caption(*content, rng=np.random.default_rng(1)) == caption(*content, rng=np.random.default_rng(1))


@pytest.mark.parametrize("name", ["long", "paraphrased"])
def test_these_wordings_of_the_benchmark_stay_unseen(name):
    """No caption is a prompt of theirs, whatever the looks."""
    openings = {"long": ("a wide shot of",), "paraphrased": ("in ", "on ", "at ")}[name]
    (asked,) = reworded([triple(400_000, "mesh")], name)
    assert asked.prompt.startswith(openings) and " of a" not in asked.prompt.partition(", ")[2]
    found = [text for _, text in said() if text.startswith(openings)]
    assert all(" of a" in text.split(", ")[1] for text in found)
    assert bool(found) == (name == "paraphrased")
