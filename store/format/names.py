"""Names of identities. Each is one file name that is valid on every operating system."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Sequence

from ..errors import InvalidName, UnknownName

IMPORTED = "imported"  # refs/imported/ holds identities from untrusted bundles
_MAX_BYTES = 200
_FORBIDDEN = set('/\\:*?"<>|')


def valid_name(name: str) -> str:
    """Return the name in Unicode's composed form (NFC).

    Raises:
        InvalidName: The name cannot be a file name everywhere, or is reserved. The message says why.
    """
    if not isinstance(name, str):
        raise InvalidName(f"a name is a str, not {name!r}")
    name = unicodedata.normalize("NFC", name)
    problem = _problem(name.removeprefix(f"{IMPORTED}/"))
    if problem:
        raise InvalidName(f"{name[:60]!r} cannot name an identity: {problem}")
    return name


def _problem(name: str) -> str | None:
    """What is wrong with a name, or None."""
    checks = {
        "it is empty or starts or ends with white space": not name or name != name.strip(),
        "it holds control or unassigned characters": any(unicodedata.category(each).startswith("C") for each in name),
        f"it holds one of {' '.join(sorted(_FORBIDDEN))}": bool(_FORBIDDEN & set(name)),
        "it starts with '.' or '-' or ends with '.'": name.startswith((".", "-")) or name.endswith("."),
        f"it is longer than {_MAX_BYTES} bytes": len(name.encode(errors="replace")) > _MAX_BYTES,
        "the store keeps this name for itself": name == IMPORTED,
        "it looks like a digest": len(name) == 64 and set(name) <= set("0123456789abcdef"),
    }
    return next((problem for problem, applies in checks.items() if applies), None)


def unknown_name(name: str, known: Sequence[str], what: str = "identity") -> UnknownName:
    """Make the error for a name that does not exist. Its message lists the nearest names among ``known``."""
    nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if nearest:
        hint = "did you mean " + " or ".join(repr(one) for one in nearest) + "?"
    elif known:
        hint = "known: " + ", ".join(repr(one) for one in known[:5]) + (", ..." if len(known) > 5 else "")
    else:
        hint = "nothing has a name here yet"
    return UnknownName(f"no {what} is called {name[:80]!r}; {hint}")
