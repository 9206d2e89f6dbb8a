"""Probes: which plain sentences a prompt's new words are asked about with."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seal_sdk.method.prompt_edit.probes import (
    Probe,
    choose_probes,
    describes_subject,
    new_words,
    removal_probes,
    split_words,
)

CAT = "a photo of a cat"


def probes(reference_prompt, prompt, *others):
    return choose_probes(reference_prompt, prompt, new_words(reference_prompt, prompt), others)


def texts(reference_prompt, prompt, *others):
    return [(each.edited, each.base) for each in probes(reference_prompt, prompt, *others)]


def test_words_marks_and_textual_inversions():
    assert split_words("A blue-grey cat's (toy), <my-cat> 8K!") == [
        *("A", "blue-grey", "cat's", "(", "toy", ")", ",", "<my-cat>", "8K", "!")
    ]
    assert split_words("") == split_words(" \n") == []


def test_new_words_are_those_that_the_reference_lacks_and_that_say_something():
    assert new_words("A photo of a Cat", "the cat, (BLUE) & <red> on a photo _") == [4, 7]
    assert new_words("a cat", "A CAT with a cat, without the cat!") == []
    assert new_words("", "the blue") == [1] and new_words("a cat", "") == []


@pytest.mark.parametrize(
    ("reference_prompt", "prompt", "edited", "base"),
    [
        (CAT, "a photo of a blue cat", "a photo of a blue cat", CAT),
        ("a cat", "blue cat", "a photo of a blue cat", CAT),
        ("a green cat", "a blue cat", "a photo of a blue cat", "a photo of a green cat"),
        ("a big green cat", "a big blue cat", "a photo of a big blue cat", "a photo of a big green cat"),
        ("a big green cat", "a blue cat", "a photo of a blue cat", "a photo of a big green cat"),
        ("a cat", "a cat sleeping", "a photo of a cat sleeping", CAT),
        ("a person", "a person in red", "a photo of a person in red", "a photo of a person"),
        ("a cat", "an orange cat", "a photo of an orange cat", CAT),
        ("an orange cat", "a blue cat", "a photo of a blue cat", "a photo of an orange cat"),
        ("an owl", "a white owl", "a photo of a white owl", "a photo of an owl"),
        ("a cat", "an angry cat", "a photo of an angry cat", CAT),
        ("a cat", "A BLUE CAT", "a photo of a BLUE CAT", "a photo of a CAT"),
        ("a picture of a cat", "a picture of a blue cat", "a picture of a blue cat", "a picture of a cat"),
        ("a cat", "a <my-blue> cat", "a photo of a <my-blue> cat", CAT),
        ("кошка", "синяя кошка", "a photo of a синяя кошка", "a photo of a кошка"),
        ("a cat", "an 8-bit cat", "a photo of an 8-bit cat", CAT),
    ],
)
def test_a_word_is_asked_about_in_the_plainest_sentence(reference_prompt, prompt, edited, base):
    assert texts(reference_prompt, prompt) == [(edited, base)]


@pytest.mark.parametrize(
    "prompt",
    [
        "masterpiece, best quality, ((a blue cat:1.4)), 8k, on a beach at dusk",
        "on a sunny beach with palms, a blue cat",
        "blue cat; oil painting by an old master | trending",
        "a 'blue cat' — in the snow",
    ],
)
def test_decorated_long_and_reordered_prompts_are_asked_about_as_plain_ones(prompt):
    assert texts("a cat", prompt) == [("a photo of a blue cat", CAT)]


def test_a_phrase_reaches_back_to_the_noun_that_it_describes():
    red, top = probes("a photo of a person", "portrait of a person in a red top")
    assert red == Probe("red", "a photo of a person in a red top", "a photo of a person in a top")
    assert top == Probe("top", "a photo of a person in a red top", "a photo of a person in a red")


@pytest.mark.parametrize("between", ["and", "with", "or", ",", "&", "-", "(", '"'])
def test_conjunctions_and_marks_break_phrases(between):
    assert texts("a cat", f"a blue cat {between} a red hat") == [("a photo of a blue cat", CAT)]


def test_without_a_shared_noun_the_whole_prompt_is_asked_about():
    assert texts("a cat", "a tiger in an old jungle") == [
        ("a tiger in an old jungle", "an in an old jungle"),
        ("a tiger in an old jungle", "a tiger in a jungle"),
        ("a tiger in an old jungle", "a tiger in an old"),
    ]
    assert texts("a cat", "blue") == [("blue", "")]
    assert texts("", "a blue cat") == [("a blue cat", "a cat"), ("a blue cat", "a blue")]


@pytest.mark.parametrize(
    ("reference_prompt", "prompt", "others", "found"),
    [
        ("a dog", "a red cat and a big dog", ["a cat"], ["big"]),
        ("a photo of a dog", "a photo of a red cat and a blue dog", ["a photo of a cat"], ["blue"]),
        ("a dog", "a red cat and a red dog", ["a red cat"], ["red"]),
        ("a dog", "a cat and a dog", ["a cat"], []),
        ("a photo of a dog", "a fluffy cat photo and a dog", ["a cat"], []),
        ("a puppy", "a red cat and a hat", ["a photo of a cat"], ["hat"]),
        ("a cat", "a blue cat", ["a cat"], ["blue"]),  # two of a kind: attention has to tell
    ],
)
def test_words_of_another_subject_are_left_out(reference_prompt, prompt, others, found):
    assert [each.word for each in probes(reference_prompt, prompt, *others)] == found


WORDS = st.sampled_from(
    [
        *("a", "an", "the", "A", "An", "photo", "of", "in", "on", "with", "and", "wears"),
        *("cat", "dog", "red", "blue", "old", "orange", "é", "8", "ß", "İ", "猫", "<x>"),
        *",.():'-&<>",
    ]
)
PROMPTS = st.lists(WORDS, max_size=9).map(" ".join) | st.text(max_size=20)


@settings(max_examples=400, deadline=None)
@given(PROMPTS, PROMPTS, st.lists(PROMPTS, max_size=2))
def test_any_prompts_give_two_different_texts_for_each_word(reference_prompt, prompt, others):
    for each in probes(reference_prompt, prompt, *others):
        assert each.edited != each.base
        assert each.word in split_words(each.edited) and each.word in split_words(prompt)
        assert not each.edited.endswith(" ") and "  " not in each.edited + each.base


@pytest.mark.parametrize(
    ("reference", "prompt", "negative", "probes"),
    [
        (
            "a photo of a striped cat",
            "a photo of a cat on snow",
            "striped, blurry",
            [("a photo of a cat", "a photo of a striped cat")],
        ),
        ("a striped cat", "a spotted cat", "STRIPED", [("a photo of a spotted cat", "a photo of a striped cat")]),
        ("a striped cat", "a striped cat on snow", "striped", []),
        ("a cat", "a cat", "striped, low quality", []),
        ("a striped cat", "a dog", "striped", []),
        ("a striped cat", "a cat", "", []),
    ],
)
def test_a_negative_prompt_takes_away_what_the_reference_is_called(reference, prompt, negative, probes):
    found = removal_probes(reference, prompt, negative)
    assert [(each.edited, each.base) for each in found] == probes and all(each.replaces for each in found)


@pytest.mark.parametrize(
    ("prompt", "word", "said"),
    [
        ("a photo of a blue cat on snow", "blue", True),
        ("cinematic photo of a big blue cat", "blue", True),
        ("cinematic photo of a blue cat", "cinematic", False),
        ("a wide shot of a cat", "wide", False),
        ("a cat on snow, soft light", "soft", None),
        ("a cat in a blue hat", "blue", None),
    ],
)
def test_the_sentence_tells_what_a_word_describes(prompt, word, said):
    assert describes_subject("a photo of a cat", prompt, split_words(prompt).index(word)) is said
