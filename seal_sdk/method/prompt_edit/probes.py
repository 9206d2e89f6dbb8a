"""Probes: short texts that differ in one word of the prompt, with which the model reads a reference. Ours.

A prompt may be decorated, long, or in any order, and the model answers best to plain words. So a word is asked about in the plainest
sentence that it can stand in: "a photo of a blue cat" against "a photo of a cat", as in zero-shot classification with CLIP
(Radford et al., arXiv 2103.00020). Where the reference's prompt describes the same noun otherwise ("a green cat"), that is the other side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TEMPLATE = ("a", "photo", "of")
PICTURES = frozenset(["photo", "photograph", "picture", "image", "shot", "portrait"])
ARTICLES = frozenset(["a", "an", "the"])
BREAKS = frozenset(["and", "or", "but", "with", "without"])
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
    """Two texts that differ in one word.

    word: of the prompt. edited: the text with it. base: without it, or with the reference's own. replaces: whether it is the latter.
    """

    word: str
    edited: str
    base: str
    replaces: bool = False


def split_words(prompt: str) -> list[str]:
    """Words and punctuation marks; words with hyphens and apostrophes are one, and so are textual inversions ("<my-cat>")."""
    return re.findall(r"<[\w-]+>|\w+(?:[-']\w+)*|[^\w\s]", prompt)


def new_words(reference_prompt: str, prompt: str) -> list[int]:
    """Indices of the prompt's words that the reference's prompt lacks, without those that say nothing by themselves."""
    known = _lower(split_words(reference_prompt))
    return [index for index, word in enumerate(split_words(prompt)) if _speaks(word) and word.lower() not in known]


def describes_subject(reference_prompt: str, prompt: str, index: int) -> bool | None:
    """Whether a word stands before a noun that the reference's prompt has too, such as "blue" in "a blue cat".

    None: the sentence does not say it. False: it describes the picture ("a wide shot").
    """
    words, reference = split_words(prompt), _lower(split_words(reference_prompt))
    last = _run(words, index)[1]
    nouns = [word for word in _lower(words[index + 1 : last]) if word in PICTURES or word in reference]
    return nouns[-1] not in PICTURES if nouns else None


def choose_probes(
    reference_prompt: str, prompt: str, indices: Sequence[int], others: Sequence[str] = ()
) -> list[Probe]:
    """The probes of some words of the prompt, in their order.

    A word is asked about with the phrase that it shares with the reference's prompt, such as "blue cat" with its noun. Where no word has
    one, the whole prompt is asked about, with each word and without it.
    indices: of the words. others: the reference prompts of the other subjects; words that describe these are left out.
    """
    words = split_words(prompt)
    indices = [index for index in indices if not _describes_other(words, index, reference_prompt, others)]
    phrases = [_Phrase.around(reference_prompt, prompt, index) for index in indices]
    known = [each for each in phrases if each is not None]
    if known:
        return [
            Probe(each.words[each.index], each.text([each.words[each.index]]), each.text(each.own), bool(each.own))
            for each in known
        ]
    return [
        Probe(words[index], _sentence(words), _sentence([*words[:index], *words[index + 1 :]])) for index in indices
    ]


def removal_probes(reference_prompt: str, prompt: str, negative: str) -> list[Probe]:
    """The probes of what a negative prompt takes away: words before a noun of the reference's prompt that the prompt has too.

    They ask the other way round: for the subject as the prompt has it, against that of the reference's prompt.
    """
    words, unwanted = split_words(reference_prompt), _lower(split_words(negative))
    kept = _lower(split_words(prompt))
    phrases = [
        _Phrase.around(prompt, reference_prompt, index)
        for index, word in enumerate(words)
        if _speaks(word) and word.lower() in unwanted and word.lower() not in kept
    ]
    return [
        Probe(each.words[each.index], each.text(each.own), each.text([each.words[each.index]]), replaces=True)
        for each in phrases
        if each is not None
    ]


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
        if not any(_speaks(word) and word.lower() in reference for word in words[first:last]):
            return None
        return cls(words[first:last], index - first, own)

    def text(self, described: list[str]) -> str:
        """A plain sentence with these words in the word's place. What then ends in "in a" loses that."""
        phrase = [*self.words[: self.index], *described, *self.words[self.index + 1 :]]
        while phrase and not _speaks(phrase[-1]):
            phrase.pop()
        pictured = phrase and phrase[0].lower() in PICTURES
        return _sentence(["a", *phrase] if pictured else [*TEMPLATE, "a", *phrase])


def _speaks(word: str) -> bool:
    """Whether a word says something of a picture by itself."""
    return word.lower() not in FUNCTION_WORDS and any(letter.isalnum() for letter in word)


def _lower(words: Sequence[str]) -> list[str]:
    return [word.lower() for word in words]


def _run(words: Sequence[str], index: int) -> tuple[int, int]:
    """[first, last) of the run of describing words around a word."""
    first, last = index, index + 1
    while first and _speaks(words[first - 1]):
        first -= 1
    while last < len(words) and _speaks(words[last]):
        last += 1
    return first, last


def _reach_back(words: Sequence[str], first: int, reference: Sequence[str]) -> int:
    """Where the phrase begins once it takes in, over words such as "of a", what it shares with the reference's prompt."""
    start = first
    while start:
        before = start - 1
        while before and words[before].lower() in FUNCTION_WORDS - BREAKS:
            before -= 1
        if not _speaks(words[before]) or words[before].lower() not in reference:
            break
        start = before
    return start


def _adjectives(reference: Sequence[str], noun: str, prompt: Sequence[str]) -> list[str]:
    """The words right before a noun of the reference's prompt that the prompt lacks."""
    last = first = list(reference).index(noun)
    while first and _speaks(reference[first - 1]) and reference[first - 1] not in prompt:
        first -= 1
    return list(reference[first:last])


def _describes_other(words: Sequence[str], index: int, reference_prompt: str, others: Sequence[str]) -> bool:
    """Whether a word stands with another subject's noun: what a prompt knows last of the words around it, since nouns come last."""
    own = {*_lower(split_words(reference_prompt))}
    theirs = {word for other in others for word in _lower(split_words(other))} - own
    first, last = _run(words, index)
    named = [word for word in _lower(words[first:last]) if word in theirs | own - PICTURES]
    return bool(named) and named[-1] in theirs


def _sentence(words: Sequence[str]) -> str:
    """With "a" and "an" as the following words ask for them, and no space before commas."""
    text = re.sub(r"\b(a)n (?=[^aeiou8\W])", r"\1 ", " ".join(words), flags=re.IGNORECASE)
    text = re.sub(r"\b(a) (?=[aeiou8])", r"\1n ", text, flags=re.IGNORECASE)
    return re.sub(r"\s+([,.;:!?])", r"\1", text)
