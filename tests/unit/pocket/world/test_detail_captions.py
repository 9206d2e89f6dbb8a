"""Captions of subjects with details: true, in plain English, and in words that are known."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.pocket import world
from seal_sdk.pocket.world import Hat, Identity, Logo, PersonDetails, Pose, caption, color_name, rich_caption, sample
from seal_sdk.pocket.world.trait_wordings import NOUNS
from seal_sdk.pocket.world.traits import hair_name

RED, BLUE, YELLOW = (0.9, 0.1, 0.1), (0.1, 0.3, 0.9), (1.0, 0.9, 0.1)
BARE = PersonDetails("short", iris=BLUE, shoes=BLUE, soles=BLUE)
PLAIN = {word: noun for noun, words in NOUNS.items() for word in words}
SHOWN = {  # noun: whether the details show it
    "beard": lambda d: d.beard == "beard",
    "moustache": lambda d: d.beard == "moustache",
    "glasses": lambda d: d.glasses and not d.dark_glasses,
    "sunglasses": lambda d: d.dark_glasses,
    "earring": lambda d: d.earring,
    "hat": lambda d: d.hat and d.hat.kind == "hat",
    "cap": lambda d: d.hat and d.hat.kind == "cap",
    "woolly hat": lambda d: d.hat and d.hat.kind == "woolly hat",
    "scarf": lambda d: d.scarf,
    "tie": lambda d: d.tie,
    "belt": lambda d: d.belt,
    "gloves": lambda d: d.gloves,
    "shorts": lambda d: d.shorts,
    "trousers": lambda d: not d.shorts,
    "short sleeves": lambda d: d.short_sleeves,
    "long sleeves": lambda d: not d.short_sleeves,
    "bald head": lambda d: d.hair_style == "bald" and not d.hat,
    "bald": lambda d: d.hair_style == "bald" and not d.hat,
    "bearded": lambda d: d.beard == "beard",
    "mohawk": lambda d: d.hair_style == "mohawk" and not d.hat,
    "fringe": lambda d: d.hair_style == "fringe" and not d.hat,
    "long-haired": lambda d: d.hair_style == "long",
    "curly-haired": lambda d: d.hair_style == "curly",
    "short-haired": lambda d: d.hair_style in ("short", "parted") and not d.hat,
} | {shape: (lambda d, shape=shape: d.logo and d.logo.shape == shape) for shape in world.LOGOS}


def say(details: PersonDetails, /, **options) -> str:
    identity = Identity("person", RED, BLUE, BLUE, details=details)
    return caption(identity, Pose(), world.sample_scene(np.random.default_rng(0), "snow"), **options)


def said(count: int = 900, species: str = "person"):
    """Identities and both their captions."""
    for seed in range(400_000, 400_000 + count):
        drawn, rng = sample(seed, details=True), np.random.default_rng(seed)
        shown = (drawn.identity, drawn.pose, drawn.scene)
        if (drawn.identity.species == "person") == (species == "person"):
            yield drawn.identity, caption(*shown, rng=rng), rich_caption(*shown, rng=rng)


def nouns(text: str) -> set[str]:
    """The details that a text tells, as the plainest nouns; longer names hide the shorter ones within them."""
    text, found = re.sub(r"\b(no|without)( a)? [a-z]+", "", text), set()
    for word in sorted({*SHOWN, *PLAIN}, key=len, reverse=True):
        if re.search(rf"(?<![-\w]){word}(?![-\w])", text):
            text = re.sub(rf"(?<![-\w]){word}(?![-\w])", "", text)
            found.add(PLAIN.get(word, word))
    return found & set(SHOWN)


def test_the_plainest_wording_says_no_details():
    assert say(replace(BARE, beard="beard")) == "a photo of a person on snow"


def test_all_details_read_as_one_sentence():
    details = replace(BARE, beard="beard", glasses=RED, hat=Hat("hat", BLUE, RED), logo=Logo("star", YELLOW))
    assert say(details, details=True, color=True) == (
        "a photo of a person with a beard and glasses in a blue hat, blue trousers, blue shoes and a red top with "
        "long sleeves and a yellow star on snow"
    )


def test_a_detail_says_an_with_a_vowel():
    details = replace(BARE, hair_style="bald", earring=YELLOW, hat=Hat("cap", (1.0, 0.55, 0.0), RED))
    assert "with an earring in an orange cap" in say(details, details=True)


def test_an_animal_has_a_collar():
    cat = Identity("cat", RED, BLUE, BLUE, details=world.AnimalDetails(BLUE, collar=YELLOW))
    scene = world.sample_scene(np.random.default_rng(0), "snow")
    assert caption(cat, Pose(), scene, details=True) == "a photo of a cat with a yellow collar on snow"


def test_what_is_said_is_shown():
    told = {noun: 0 for noun in SHOWN}
    for identity, *texts in said():
        for text in texts:
            for noun in nouns(text):
                told[noun] += 1
                assert SHOWN[noun](identity.details), text
    assert min(told.values()) > 0, told


def test_what_is_denied_is_not_shown():
    denied = 0
    for identity, _, text in said(3000):
        for noun in re.findall(r"\b(?:no|without(?: a)?) (hat|glasses|beard|scarf|tie)\b", text):
            denied += 1
            assert getattr(identity.details, noun) is None, text
    assert denied > 10


def test_colours_are_those_of_what_they_name():
    checked = 0
    for identity, *texts in said():
        details = identity.details
        colors = {"shoes": details.shoes, "tie": details.tie, "scarf": details.scarf, "gloves": details.gloves}
        colors |= {"hat": details.hat and details.hat.color, "shorts": identity.accent, "trousers": identity.accent}
        colors |= {details.logo.shape: details.logo.color} if details.logo else {}
        for noun, color in colors.items():
            for word in re.findall(rf"(\w+) {noun}\b", " ".join(texts).replace("gray", "grey")):
                if word in world.COLORS:
                    checked += 1
                    assert word == color_name(color), texts
        for word in re.findall(r"(\w+) (?:hair|mohawk|fringe)\b", " ".join(texts)):
            if word not in ("a", "long", "short", "curly"):
                assert {"gray": "grey", "blonde": "blond"}.get(word, word) == hair_name(identity.hair), texts
    assert checked > 100


def test_an_animals_collar_and_blaze_are_told_where_shown():
    told = 0
    for identity, *texts in said(species="animal"):
        for text in texts:
            for noun in re.findall(r"(?<!no )(?<!without a )\b(collar|blaze)\b", text):
                told += 1
                assert getattr(identity.details, noun), text
    assert told > 50


def test_the_words_are_known():
    assert not {*world.vocabulary} & {*world.detail_vocabulary}
    known, used = {*world.vocabulary, *world.detail_vocabulary}, set()
    for species in ("person", "animal"):
        for identity, text, _ in said(species=species):
            used |= set(world.words(text))
            used |= set(world.words(caption(identity, Pose(), sample(400_000).scene, details=True)))
    assert used <= known, used - known
    assert {*world.detail_vocabulary} <= used, {*world.detail_vocabulary} - used


@pytest.mark.parametrize("species", ["person", "animal"])
def test_the_english_is_sound(species):
    for _, *texts in said(species=species):
        for text in texts:
            assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|  |,,| ,|\b(\w+) \1\b|^ | $|with with", text), text
            assert not re.search(
                r"\ba (?:\w+ )?(?:glasses|spectacles|sunglasses|shoes|trainers|shorts|gloves|pants)\b", text
            ), text


def test_structure_images_keep_their_captions():
    drawn = sample(400_000, details=True)
    content = (drawn.identity, drawn.pose, drawn.scene, "mesh")
    assert caption(*content, details=True) == f"a mesh of a {drawn.identity.species}"


def test_chance_names_up_to_three_details_and_sometimes_none():
    counts = [len(nouns(text)) for _, text, _ in said()]
    assert 0 in counts and max(counts) <= 3
    assert sum(count > 0 for count in counts) > len(counts) / 2
