"""The body of each species in a pose."""

from __future__ import annotations

from functools import cache

from .bipeds import bird, person
from .body import Body
from .pose import Pose
from .quadrupeds import cat, dog, horse

_BUILDERS = {"cat": cat, "dog": dog, "horse": horse, "bird": bird, "person": person}


def build(species: str, pose: Pose) -> Body:
    """Build the body of a species in a pose."""
    return _BUILDERS[species](pose)


@cache
def rest(species: str) -> Body:
    """Build the body at rest. Coat patterns are painted in its coordinates, so that they follow every part."""
    return build(species, Pose())
