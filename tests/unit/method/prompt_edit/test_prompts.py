"""Prompts are taken apart into single edits."""

from __future__ import annotations

import pytest

from seal_sdk.method.prompt_edit.prompts import MAX_EDITS, prompt_edits


def test_each_difference_stands_alone():
    assert prompt_edits("a photo of a red cat in a forest", "a photo of a green cat on snow") == (
        "a photo of a green cat in a forest",
        "a photo of a red cat on snow",
    )


def test_articles_align_nothing():
    assert prompt_edits("a photo of a red cat in a forest", "a photo of an orange cat on a lake") == (
        "a photo of an orange cat in a forest",
        "a photo of a red cat on a lake",
    )


def test_words_that_only_one_prompt_has():
    assert prompt_edits("a cat", "a cat with a hat") == ("a cat with a hat",)


def test_what_is_left_out_is_no_difference():
    """A prompt that does not repeat the reference's colour does not ask for another one."""
    assert prompt_edits("a cat with a hat", "a cat") == ()
    assert prompt_edits("a photo of an orange cat in a room", "a photo of a cat on snow") == (
        "a photo of an orange cat on snow",
    )


def test_the_same_words_make_no_difference():
    assert prompt_edits("a photo of a cat, on snow", "A photo of a cat ,on snow") == ()


def test_all_differences_together_are_the_prompt():
    (only,) = prompt_edits("a red cat in a forest", "a red cat in a city")
    assert only == "a red cat in a city"


@pytest.mark.parametrize("prompt", ["one dog", "1 x 2 y 3 z 4 w 5"])
def test_too_many_or_too_large_differences_are_one_edit(prompt):
    reference_prompt = "tiger" if prompt == "one dog" else "x y z w"
    assert prompt_edits(reference_prompt, prompt) == (prompt,)
    assert MAX_EDITS == 3
