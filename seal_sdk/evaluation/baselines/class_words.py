"""The word in a prompt that names the subject's class: found, given a word beside it, or asked for alone."""

from __future__ import annotations

import re
from collections.abc import Sequence


def find_noun(prompt: str, nouns: Sequence[str]) -> str | None:
    """The first of some nouns in a prompt, as the prompt writes it."""
    found = _any_of(nouns).search(prompt)
    return found and found.group()


def class_prompt(prompt: str, nouns: Sequence[str]) -> str:
    """The prompt of pictures of a class, "a photo of a cat" of one that speaks of a cat; a prompt without any of the nouns is its own."""
    noun = find_noun(prompt, nouns)
    return f"a photo of a {noun.lower()}" if noun else prompt


def with_word(prompt: str, word: str, nouns: Sequence[str], instead: bool = False) -> str:
    """The prompt with a word before the first of some nouns, "a photo of a sks cat on snow", or instead of it.

    Where there is none of them, the word stands at the beginning.
    """
    changed, count = _any_of(nouns).subn(lambda noun: word if instead else f"{word} {noun[0]}", prompt, count=1)
    return changed if count else f"{word}, {prompt}"


def _any_of(nouns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, nouns))})\b", re.IGNORECASE)
