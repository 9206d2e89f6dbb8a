"""The nodes that say where a subject is drawn, and in which references it is seen."""

from __future__ import annotations

from typing import Any

from seal_sdk.errors import InputError
from seal_sdk.serving.comfyui.description import IDENTITY, Node, Output, link, text
from seal_sdk.serving.comfyui.subjects import Subject
from seal_sdk.serving.comfyui.tensors import mask_of_one

Subjects = tuple[Subject, ...]


def region_node() -> Node:
    """Gives an identity its region of the image."""
    return Node(
        "SealRegion",
        "SeAl: Region",
        "Draws an identity where the mask is white. Several identities share an image: link one Region to the next by 'others'.",
        (
            link("identity", IDENTITY, "Who is drawn there."),
            link("mask", "MASK", "White where it is drawn, of the size of the image to draw."),
            text("prompt", "What is said of it alone, such as 'a photo of a white tiger'; empty: the image's prompt."),
            link("others", IDENTITY, "Identities in other regions.", optional=True),
        ),
        (Output("identity", IDENTITY),),
        _place,
    )


def references_node() -> Node:
    """Joins several references of one subject."""
    return Node(
        "SealReferences",
        "SeAl: References",
        "One subject, seen in several references, such as from the front and from behind. It is aligned with the first.",
        (
            link("first", IDENTITY, "The subject in one reference, or in several."),
            link("second", IDENTITY, "The same subject in another."),
        ),
        (Output("identity", IDENTITY),),
        _join,
    )


def _place(identity: Subjects, mask: Any, prompt: str, others: Subjects = ()) -> tuple[Subjects]:
    from seal_sdk.generation.regions import Region

    place = mask_of_one(mask)
    if place is None:
        raise InputError("mask is black everywhere: draw the region in white.")
    region = Region(place, prompt.strip() or None)
    return ((*others, Subject(_alone(identity, "identity").references, region)),)


def _join(first: Subjects, second: Subjects) -> tuple[Subjects]:
    references = [*_alone(first, "first").references, *_alone(second, "second").references]
    return ((Subject(tuple(dict.fromkeys(references))),),)


def _alone(subjects: Subjects, what: str) -> Subject:
    """The only subject. Raises InputError for several, or one that has its region already."""
    if len(subjects) != 1 or subjects[0].region is not None:
        names = ", ".join(each.name for each in subjects)
        raise InputError(f"{what} has regions already ({names}): link an identity without one.")
    return subjects[0]
