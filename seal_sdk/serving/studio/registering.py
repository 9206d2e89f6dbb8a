"""Registering from the page: finding the subject of a picture, and registering it under a name that is free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from seal_sdk.callbacks import Callback, HitNote
from seal_sdk.identity import Identity
from seal_sdk.images import read_picture
from seal_sdk.images.boxes import scale_box
from seal_sdk.registration import read_reference
from seal_sdk.segmentation import Subject
from seal_sdk.session import IdentitySession
from store import IdentityStore, UnknownName


@dataclass(frozen=True)
class Registered:
    """An identity, and whether it was in the library already. known_as: the other names that it had there."""

    identity: Identity
    hit: bool
    known_as: tuple[str, ...]


def find_subject(session: IdentitySession, path: str) -> Subject:
    """The subject that registering this picture would find, in pixels of the picture. Raises ImageError or SubjectNotFound."""
    size = read_picture(path).image.size
    reference = read_reference(session.backbone.geometry, path, "", None, None)
    with session.backbone.lock:
        found = reference.subject(lambda: session.segmenter)
    rows, columns = (np.arange(new) * old // new for new, old in zip(size[::-1], found.mask.shape, strict=True))
    return Subject(scale_box(found.box, reference.image.size, size), found.mask[rows][:, columns], found.score)


def register(session: IdentitySession, callback: Callback, arguments: Mapping[str, Any]) -> Registered:
    """Register a reference; a name that another identity has is left to it, and the new one is called "name 2"."""
    wanted, note = str(arguments["name"]), HitNote()
    name = free_name(session.store, wanted)
    identity = session.register(**{**arguments, "name": name}, callbacks=[callback, note])
    known = tuple(each for each in _names(session.store, identity.digest) if each != name)
    if wanted in known and name != wanted:
        session.store.remove(name)  # it is the identity that has the wanted name
        return Registered(session.identities[wanted], note.hit, tuple(each for each in known if each != wanted))
    return Registered(identity, note.hit, known)


def free_name(store: IdentityStore, wanted: str) -> str:
    """The wanted name, or the first of "name 2", "name 3", ... that nothing is called. Raises InvalidName."""
    return next(name for name in _candidates(wanted) if not _is_taken(store, name))


def _candidates(wanted: str) -> Iterator[str]:
    yield wanted
    yield from (f"{wanted} {number}" for number in count(2))


def _is_taken(store: IdentityStore, name: str) -> bool:
    try:
        store.resolve(name)
    except UnknownName:
        return False
    return True


def _names(store: IdentityStore, digest: str) -> list[str]:
    return [info.name for info in store.identities() if info.name and info.digest == digest]
