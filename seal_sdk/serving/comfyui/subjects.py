"""Who is to be drawn, on its way between nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seal_sdk.errors import InputError
from seal_sdk.identity import Identity

if TYPE_CHECKING:
    from seal_sdk.generation.regions import Region


@dataclass(frozen=True, eq=False)
class Subject:
    """One subject: seen in several references where there are such, and drawn in a region where there is one."""

    references: tuple[Identity, ...]
    region: Region | None = None

    @property
    def key(self) -> Any:
        """What ``identity=`` of `IdentitySession.generate` calls it."""
        return self.references[0] if len(self.references) == 1 else self.references

    @property
    def name(self) -> str:
        """For people."""
        return " and ".join(each.name for each in self.references)


def identity_argument(subjects: Sequence[Subject]) -> Any:
    """The ``identity=`` of `IdentitySession.generate`: one, several with their regions, or nobody.

    Raises InputError where one identity is to be in two regions.
    """
    if not subjects:
        return False  # and not the one that was registered last
    if len(subjects) == 1 and subjects[0].region is None:
        return subjects[0].key
    keys = [each.key for each in subjects]
    twice = next((each for each in subjects if keys.count(each.key) > 1), None)
    if twice:
        raise InputError(f"Identity {twice.name!r} has two regions: join their masks, or register it under two names.")
    return {each.key: each.region for each in subjects}
