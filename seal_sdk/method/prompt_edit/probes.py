"""Probes: short texts that differ in one word of the prompt, with which the model reads a reference. Ours.

A prompt may be decorated, long, or in any order, and the model answers best to plain words. So a word is asked about in the plainest
sentence that it can stand in: "a photo of a blue cat" against "a photo of a cat", as in zero-shot classification with CLIP
(Radford et al., arXiv 2103.00020). Where the reference's prompt describes the same noun otherwise ("a green cat"), that is the other side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TEMPLATE = "a photo of"
ARTICLES = frozenset(["a", "an", "the"])
BREAKS = frozenset(",.;:!?()[]|") | {"and", "or", "but", "with", "without"}
FUNCTION_WORDS = (
    ARTICLES
    | BREAKS
    | frozenset(["my", "your", "his", "her", "its", "our", "their", "this", "that", "these", "those", "which", "who"])
    | frozenset(
        ["in", "on", "at", "of", "by", "to", "from", "for", "under", "over", "near", "beside", "behind", "into"]
    )
    | frozenset(["is", "are", "was", "were", "be", "being", "been", "has", "have", "as"])
)
"""English words that say nothing of a picture by themselves."""


@dataclass(frozen=True)
class Probe:
    """Two texts that differ in one word. word: of the prompt. edited: with it. base: without it, or with the reference's own."""

    word: str
    edited: str
    base: str


def split_words(prompt: str) -> list[str]:
    """Words and punctuation marks; words with hyphens and apostrophes are one."""
    return re.findall(r"\w+(?:[-']\w+)*|[^\w\s]", prompt)


def new_words(reference_prompt: str, prompt: str) -> list[int]:
    """Indices of the prompt's words that the reference's prompt lacks, without those that say nothing by themselves."""
    known = {word.lower() for word in split_words(reference_prompt)} | FUNCTION_WORDS
    return [index for index, word in enumerate(split_words(prompt)) if word.lower() not in known and word[0].isalnum()]


def choose_probes(
    reference_prompt: str, prompt: str, indices: Sequence[int], others: Sequence[str] = ()
) -> list[Probe]:
    """The probes of some words of the prompt, in their order.

    A word is asked about with the phrase that it shares with the reference's prompt, such as "blue cat" with its noun. Where no word has
    one, the whole prompt is asked about, with each word and without it.
    indices: of the words. others: the reference prompts of the other subjects; words that describe these are left out.
    """
    phrases = [_Phrase.around(reference_prompt, prompt, index) for index in indices]
    known = [each for each in phrases if each is not None]
    if known:
        return [
            Probe(each.words[each.index], each.text([each.words[each.index]]), each.text(each.own)) for each in known
        ]
    words = split_words(prompt)
    left = [index for index in indices if not _describes(words, index, others)]
    return [Probe(words[index], prompt, _without(words, index)) for index in left]


@dataclass(frozen=True)
class _Phrase:
    """Part of a prompt. index: of the word in it. own: how the reference's prompt describes the same noun."""

    words: list[str]
    index: int
    own: list[str]

    @classmethod
    def around(cls, reference_prompt: str, prompt: str, index: int) -> _Phrase | None:
        words, reference = split_words(prompt), _lower(split_words(reference_prompt))
        first, last = _run(words, index)
        shared = [number for number in range(index + 1, last) if words[number].lower() in reference]
        own = _adjectives(reference, words[shared[0]].lower(), _lower(words)) if shared else []
        first = _reach_back(words, first, reference)
        if not any(word.lower() in reference for word in words[first:last] if word.lower() not in FUNCTION_WORDS):
            return None
        return cls(words[first:last], index - first, own)

    def text(self, described: list[str]) -> str:
        """A plain sentence with these words in the word's place."""
        phrase = [*self.words[: self.index], *described, *self.words[self.index + 1 :]]
        text = " ".join(phrase)
        text = text if text.lower().startswith(tuple(ARTICLES)) else f"a {text}"
        text = text if re.match(r"an? (photo|picture|image)\b", text, re.IGNORECASE) else f"{TEMPLATE} {text}"
        return _articles(text)


def _lower(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words]


def _run(words: Sequence[str], index: int) -> tuple[int, int]:
    """[first, last) of the run of describing words around a word."""
    first, last = index, index + 1
    while first and words[first - 1].lower() not in FUNCTION_WORDS:
        first -= 1
    while last < len(words) and words[last].lower() not in FUNCTION_WORDS:
        last += 1
    return first, last


def _reach_back(words: Sequence[str], first: int, reference: Sequence[str]) -> int:
    """Where the phrase begins once it takes in, over words such as "of a", what it shares with the reference's prompt."""
    start = first
    while start:
        before = start - 1
        while before and words[before].lower() in FUNCTION_WORDS - BREAKS:
            before -= 1
        word = words[before].lower()
        if word in FUNCTION_WORDS or word not in reference:
            break
        start = before
    return start


def _adjectives(reference: Sequence[str], noun: str, prompt: Sequence[str]) -> list[str]:
    """The words right before a noun of the reference's prompt that the prompt lacks."""
    last = first = list(reference).index(noun)
    while first and reference[first - 1] not in FUNCTION_WORDS and reference[first - 1] not in prompt:
        first -= 1
    return list(reference[first:last])


def _describes(words: Sequence[str], index: int, prompts: Sequence[str]) -> bool:
    """Whether a word stands beside one that these prompts name."""
    first, last = _run(words, index)
    named = {word for prompt in prompts for word in _lower(split_words(prompt))} - FUNCTION_WORDS
    return any(word.lower() in named for word in words[first:last])


def _without(words: Sequence[str], index: int) -> str:
    return _articles(" ".join([*words[:index], *words[index + 1 :]]))


def _articles(text: str) -> str:
    """With "a" and "an" as the following words ask for them, and no space before commas."""
    text = re.sub(r"\ban (?=[^aeiouAEIOU\W])", "a ", text)
    text = re.sub(r"\ba (?=[aeiouAEIOU])", "an ", text)
    return re.sub(r"\s+([,.;:!?])", r"\1", text)
