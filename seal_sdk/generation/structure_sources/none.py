"""No structure: the image is drawn from appearance and text only."""

from __future__ import annotations

from seal_sdk.generation.structure_sources.source import StructureSource


class NoStructure(StructureSource):
    """Structure images are not even read."""

    uses_image = False


SOURCE = NoStructure()
