"""Articles and lists of words."""

from __future__ import annotations

from collections.abc import Sequence


def with_article(phrase: Sequence[str]) -> str:
    """Words behind "a" or "an"."""
    return f"{'an' if phrase[0][0] in 'aeiou' else 'a'} {' '.join(phrase)}"


def listed(phrases: Sequence[str]) -> str:
    """Phrases as a list: "a, b and c"."""
    return " and ".join([", ".join(phrases[:-1]), phrases[-1]] if len(phrases) > 1 else phrases)
