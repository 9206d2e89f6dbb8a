"""Where structure comes from: each ``Structure(control=...)`` is a source, in a file of its own.

A new source is a file with a `StructureSource` named ``SOURCE``, and its line in ``seal_sdk.config.CONTROLS``.
"""

from __future__ import annotations

from importlib import import_module

from seal_sdk.config import CONTROLS
from seal_sdk.generation.structure_sources.source import StructureGuide, StructureRow, StructureSource


def structure_source(control: str) -> StructureSource:
    """The source of a ``control``."""
    source: StructureSource = import_module(f"{__name__}.{CONTROLS[control]}").SOURCE
    return source


__all__ = ["StructureGuide", "StructureRow", "StructureSource", "structure_source"]
