"""Recipe keys: the SHA-256 of a recipe's canonical JSON.

Two recipes have the same key exactly when they are equal in value and type: 1, 1.0, "1" and True all differ. The order
of a mapping's fields does not matter, and a tuple equals a list.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping

from ..errors import InvalidValue

_MAX_INT_BITS = 1024


def recipe_key(recipe: Mapping[str, object]) -> str:
    """Compute the key of a recipe: 64 hex digits.

    Raises:
        InvalidValue: The recipe is not a mapping, or holds a value that JSON cannot keep exactly.
    """
    if not isinstance(recipe, Mapping):
        raise InvalidValue(f"a recipe maps the names of fields to values, it is no {type(recipe).__name__}")
    return hashlib.sha256(canonical_json(recipe)).hexdigest()


def canonical_json(value: object) -> bytes:
    """Serialize a value to its canonical ASCII JSON.

    The value consists of None, bool, int, float, str, list, tuple and mappings with string keys. Floats always show a
    point or an exponent, so that parsing the text restores the same types.

    Raises:
        InvalidValue: The value holds NaN, infinity, bytes, an array, another type, or a key that is not a string. The
            message names the field.
    """
    try:
        return json.dumps(_plain(value, ""), sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    except RecursionError as error:
        raise InvalidValue("the value is nested too deeply, or holds itself") from error


def _plain(value: object, where: str) -> object:
    """The value in exact built-in types. ``where`` is its field, for error messages."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return _plain_int(value, where)
    if isinstance(value, float):
        return _plain_float(value, where)
    if isinstance(value, Mapping):
        return {
            _plain_key(key, where): _plain(item, f"{where}.{key}" if where else str(key)) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise InvalidValue(
        f"{where or 'the value'} is a {type(value).__name__}; give None, bool, int, float, str, a list or a mapping "
        "(bytes and arrays by their digest in hex)"
    )


def _plain_int(value: int, where: str) -> int:
    if value.bit_length() > _MAX_INT_BITS:
        raise InvalidValue(
            f"{where or 'the value'} has {value.bit_length()} bits; integers of at most {_MAX_INT_BITS} bits are kept"
        )
    return int(value)


def _plain_float(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise InvalidValue(f"{where or 'the value'} is {value}; only finite numbers can be compared")
    return float(value)


def _plain_key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidValue(f"a field of {where or 'the value'} is named {key!r}; names of fields are strings")
    return str(key)
