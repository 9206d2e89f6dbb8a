"""Names that people give to identities: one file name, safe on every system."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

from .errors import InvalidName, UnknownName

IMPORTED = "imported"  # refs/imported/ holds what came from outside
_MAX_BYTES = 200
_FORBIDDEN = set('/\\:*?"<>|')


def valid_name(name: str) -> str:
    """The name in Unicode's composed form (NFC), or InvalidName that says what is wrong with it."""
    if not isinstance(name, str):
        raise InvalidName(f"a name is a str, not {name!r}")
    name = unicodedata.normalize("NFC", name)
    problem = _problem(name.removeprefix(f"{IMPORTED}/"))
    if problem:
        raise InvalidName(f"{name[:60]!r} cannot name an identity: {problem}")
    return name


def _problem(name: str) -> str | None:
    if not name or name != name.strip():
        return "it is empty or starts or ends with white space"
    if any(unicodedata.category(character).startswith("C") for character in name):
        return "it holds control or unassigned characters"
    if _FORBIDDEN & set(name):
        return f"it holds one of {' '.join(sorted(_FORBIDDEN))}"
    if name.startswith((".", "-")) or name.endswith("."):
        return "it starts with '.' or '-' or ends with '.'"
    if len(name.encode()) > _MAX_BYTES:
        return f"it is longer than {_MAX_BYTES} bytes"
    if name == IMPORTED:
        return "the store keeps this name for itself"
    if len(name) == 64 and set(name) <= set("0123456789abcdef"):
        return "it looks like a digest"
    return None


def unknown_name(name: str, known: Sequence[str], what: str = "identity") -> UnknownName:
    """The error for a name that nobody has, with the nearest ones."""
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if nearest:
        hint = "did you mean " + " or ".join(repr(one) for one in nearest) + "?"
    elif known:
        hint = "known: " + ", ".join(repr(one) for one in known[:5]) + (", ..." if len(known) > 5 else "")
    else:
        hint = "nothing has a name here yet"
    return UnknownName(f"no {what} is called {name[:80]!r}; {hint}")
