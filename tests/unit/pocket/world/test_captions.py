"""Captions of the procedural world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.pocket import world
from seal_sdk.pocket.world import KINDS, caption, color_name, sample, vocabulary, words


def _captions(kind: str = "photo", count: int = 300) -> list[tuple[world.Sample, str]]:
    rng = np.random.default_rng(0)
    draws = [sample(seed) for seed in range(count)]
    return [(drawn, caption(drawn.identity, drawn.pose, drawn.scene, kind, rng=rng)) for drawn in draws]


def _cat() -> world.Sample:
    drawn, scene = sample(0), world.sample_scene(np.random.default_rng(0), "snow")
    return replace(drawn, identity=world.Identity("cat", (1.0, 0.5, 0.0), (0, 0, 0), (1, 1, 1), "striped"), scene=scene)


def _say(drawn: world.Sample, kind: str = "photo", **options) -> str:
    return caption(drawn.identity, drawn.pose, drawn.scene, kind, **options)


def test_the_plainest_wording():
    assert _say(_cat()) == "a photo of a cat on snow"
    assert _say(_cat(), color=True, pattern=True) == "a photo of a striped orange cat on snow"
    assert _say(_cat(), color=True) == "a photo of an orange cat on snow"
    person = replace(_cat(), identity=replace(_cat().identity, species="person"))
    assert _say(person, pattern=True) == "a photo of a person in a striped top on snow"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("mesh", "a mesh of a cat"),
        ("depth", "a depth map of a cat"),
        ("pose", "a pose skeleton of a cat"),
        ("canny", "a canny edge map of a cat"),
        ("sketch", "a sketch of a cat"),
        ("segmentation", "a segmentation map of a cat"),
    ],
)
def test_structure_captions_name_the_kind_and_the_species_alone(kind, expected):
    assert _say(_cat(), kind) == expected
    assert _say(_cat(), kind, color=True, pattern=True) == expected


def test_the_generator_fixes_the_wording_and_varies_it():
    texts = [_say(_cat(), rng=np.random.default_rng(seed)) for seed in range(60)]
    assert texts == [_say(_cat(), rng=np.random.default_rng(seed)) for seed in range(60)]
    assert len(set(texts)) > 10
    assert any(text.startswith("high quality photo of") for text in texts)
    assert any(text.endswith(", snow") for text in texts)


def test_captions_tell_the_truth_and_sometimes_leave_open():
    told = {"color": 0, "pattern": 0, "scene": 0}
    for drawn, text in _captions():
        said = set(words(text))
        assert drawn.identity.species in said
        assert said & set(world.COLORS) <= {color_name(drawn.identity.main)}
        assert said & set(world.PATTERNS) <= {drawn.identity.pattern}
        assert said & set(world.SCENES) <= {drawn.scene.name}
        told["color"] += bool(said & set(world.COLORS))
        told["pattern"] += bool(said & set(world.PATTERNS))
        told["scene"] += bool(said & set(world.SCENES))
    assert all(30 < count < 300 for count in told.values()), told


def test_a_forced_answer_wins_over_chance():
    for seed in range(20):
        text = _say(_cat(), rng=np.random.default_rng(seed), color=True, pattern=False)
        assert "orange" in text and "striped" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_in_the_vocabulary(kind):
    assert {word for _, text in _captions(kind, 200) for word in words(text)} <= set(vocabulary)


def test_the_vocabulary_is_sorted_and_unique():
    assert list(vocabulary) == sorted(set(vocabulary))
    assert {*world.SPECIES, *world.SCENES, *world.COLORS, *world.PATTERNS} <= set(vocabulary)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0.9, 0.1, 0.1), "red"),
        ((1.0, 0.55, 0.0), "orange"),
        ((1.0, 0.9, 0.1), "yellow"),
        ((0.2, 0.7, 0.2), "green"),
        ((0.1, 0.3, 0.9), "blue"),
        ((0.55, 0.1, 0.8), "purple"),
        ((1.0, 0.4, 0.75), "pink"),
        ((0.5, 0.3, 0.14), "brown"),
        ((0.97, 0.97, 0.97), "white"),
        ((0.1, 0.1, 0.1), "black"),
        ((0.5, 0.5, 0.5), "grey"),
    ],
)
def test_colours_have_their_usual_names(rgb, name):
    assert color_name(rgb) == name


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="unknown kind 'oil'"):
        _say(_cat(), "oil")
