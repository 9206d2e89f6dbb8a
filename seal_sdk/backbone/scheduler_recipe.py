"""A scheduler by content, for recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def scheduler_recipe(scheduler: Any) -> dict[str, Any]:
    """Class and configuration of a diffusers scheduler, as JSON can hold them."""
    config = {key: _plain(value) for key, value in scheduler.config.items() if not key.startswith("_")}
    return {"class": type(scheduler).__name__, "config": config}


def _plain(value: Any) -> Any:
    """A value of a configuration as JSON can hold it: infinities and NaN by their names, arrays as lists."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(float(value))
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # arrays, tensors and numpy's numbers, of which str() would show a part
        return _plain(value.tolist())
    return str(value)
