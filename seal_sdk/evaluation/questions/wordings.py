"""The same question in other words: what people write, beside the plain prompts of the benchmark. Ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from seal_sdk.evaluation.questions.triples import SHORT, Triple
from seal_sdk.pocket import world

OPENING = "a photo of "


@dataclass(frozen=True)
class Wording:
    """How a question is asked.

    Attributes:
        prompt: Makes the prompt of the subject, such as "a blue cat", and its place, such as "on snow".
        reference_prompt: Makes the reference's prompt of its species; None keeps the question's own, which names the colour where the
            prompt does.
    """

    prompt: Callable[[str, str], str]
    reference_prompt: Callable[[str], str] | None = None


def _plain(subject: str, place: str) -> str:
    return f"{OPENING}{subject} {place}"


def _decorated(subject: str, place: str) -> str:
    return f"cinematic photo of {subject} {place}, 35mm, bokeh, highly detailed"


def _paraphrased(subject: str, place: str) -> str:
    return f"{place}, {subject}"


def _long(subject: str, place: str) -> str:
    return f"a wide shot of {subject} that stands {place}, soft evening light, calm mood, award-winning photography"


WORDINGS: Mapping[str, Wording] = MappingProxyType(
    {
        SHORT: Wording(_plain),
        "plain-reference": Wording(_plain, lambda species: f"a photo of a {species}"),
        "decorated": Wording(_decorated),
        "paraphrased": Wording(_paraphrased, lambda species: f"a {species}"),
        "long": Wording(_long, lambda species: f"my favourite picture of a {species}"),
    }
)
"""Name -> wording."""


def reworded(triples: Iterable[Triple], name: str) -> Iterator[Triple]:
    """The same questions in the named wording of `WORDINGS`."""
    wording = WORDINGS[name]
    for triple in triples:
        place = world.place(triple.scene)
        subject = triple.prompt.removeprefix(OPENING).removesuffix(f" {place}")
        own = wording.reference_prompt
        yield replace(
            triple,
            prompt=wording.prompt(subject, place),
            reference_prompt=triple.reference_prompt if own is None else own(triple.identity.species),
            wording=name,
        )
