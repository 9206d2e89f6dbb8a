"""What one prompt says and another does not, one difference at a time (ours)."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

MOST_EDITS = 3
ARTICLES = ("a", "an", "the")  # alike wherever they stand, so nothing is aligned by them


def single_edits(shown: str, asked: str) -> tuple[str, ...]:
    """The prompt ``shown`` with one of the things each that ``asked`` says otherwise.

    From "a photo of a red cat in a forest" to "a photo of a green cat on snow" these are "a photo of a green cat in a
    forest" and "a photo of a red cat on snow". A difference is a run of words that were replaced or inserted: what ``asked``
    leaves out is not denied. With more than `MOST_EDITS`, or where nothing is alike, ``asked`` is one difference as a whole.
    """
    before, after = _words(shown), _words(asked)
    matcher = SequenceMatcher(ARTICLES.__contains__, before, after, autojunk=False)
    runs = [(start, end, after[low:high]) for kind, start, end, low, high in matcher.get_opcodes() if kind != "equal"]
    edits = [(start, end, words) for start, end, words in runs if set(words) - set(ARTICLES)]
    if len(edits) > MOST_EDITS or matcher.ratio() == 0.0:
        return (asked,)
    return tuple(" ".join([*before[:start], *words, *before[end:]]) for start, end, words in edits)


def _words(prompt: str) -> list[str]:
    """Words and punctuation marks, lower case, as CLIP's tokenizer splits them."""
    return re.findall(r"\w+|[^\w\s]", prompt.lower())
