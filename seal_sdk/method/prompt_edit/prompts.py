"""Prompt edits: what the prompt says and the reference prompt does not, one difference at a time. Ours."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

MAX_EDITS = 3
ARTICLES = ("a", "an", "the")  # they occur everywhere, so they align nothing


def prompt_edits(reference_prompt: str, prompt: str) -> tuple[str, ...]:
    """Copies of the reference prompt, each with one of the differences that ``prompt`` has.

    From "a photo of a red cat in a forest" to "a photo of a green cat on snow" these are "a photo of a green cat in a
    forest" and "a photo of a red cat on snow". A difference is a run of words that were replaced or inserted. Words that
    ``prompt`` only leaves out make no difference. With more than `MAX_EDITS` differences, or if no word is the same,
    ``prompt`` as a whole is the only edit.
    """
    before, after = _words(reference_prompt), _words(prompt)
    matcher = SequenceMatcher(ARTICLES.__contains__, before, after, autojunk=False)
    runs = [(start, end, after[low:high]) for kind, start, end, low, high in matcher.get_opcodes() if kind != "equal"]
    edits = [(start, end, words) for start, end, words in runs if set(words) - set(ARTICLES)]
    if len(edits) > MAX_EDITS or matcher.ratio() == 0.0:
        return (prompt,)
    return tuple(" ".join([*before[:start], *words, *before[end:]]) for start, end, words in edits)


def _words(prompt: str) -> list[str]:
    """Words and punctuation marks in lower case, split as by CLIP's tokenizer."""
    return re.findall(r"\w+|[^\w\s]", prompt.lower())
