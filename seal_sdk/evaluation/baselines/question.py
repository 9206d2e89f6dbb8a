"""What a baseline is asked to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seal_sdk.config import Alignment, Structure
from seal_sdk.generation.structure import StructureInput
from seal_sdk.identity import Identity


@dataclass(frozen=True)
class Question:
    """What to draw: the arguments of ``session.generate`` that a baseline heeds. size: (height, width) in pixels."""

    structure: Any
    prompt: str
    identity: Identity
    structure_prompt: str
    structure_mask: Any
    seed: int
    size: tuple[int, int]
    steps: int
    guidance_scale: float
    alignment: Alignment = Alignment()
    control: Structure = Structure()
    negative_prompt: str | None = None

    @property
    def structure_input(self) -> StructureInput:
        """The structure image with its subject, if that is known."""
        return StructureInput(self.structure, mask=self.structure_mask)
