"""Parts of a body: solid shapes, joints and bones in body units (y up, ground near 0, facing +x)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .shapes import Point, Shape

PARTS = ("background", "torso", "head", "ear", "face", "near fore", "near hind", "far fore", "far hind", "tail", "hair")
"""Names of the parts. The part map of a rendering holds indices into this tuple."""

FAR, MIDDLE, NEAR = -0.12, 0.0, 0.10  # depth of a part's middle plane


@dataclass(frozen=True)
class Part:
    """One solid of a body.

    Attributes:
        shape: Outline and inflated surface, in body units.
        name: One of `PARTS`.
        material: Key of the colour table in ``paint``, such as "coat".
        depth: Depth of the middle plane, in body units; larger is nearer.
    """

    shape: Shape
    name: str
    material: str
    depth: float


@dataclass
class Body:
    """A posed body.

    Attributes:
        parts: Solids from back to front.
        joints: Points in body units.
        bones: Pairs of indices into ``joints``.
    """

    parts: list[Part] = field(default_factory=list)
    joints: list[Point] = field(default_factory=list)
    bones: list[tuple[int, int]] = field(default_factory=list)

    def add(self, shape: Shape, name: str, material: str = "coat", depth: float = MIDDLE) -> None:
        """Add a part in front of all others."""
        self.parts.append(Part(shape, name, material, depth))

    def joint(self, point: Point, parent: int | None = None) -> int:
        """Add a joint, with a bone from its parent, and return its index."""
        self.joints.append(point)
        if parent is not None:
            self.bones.append((parent, len(self.joints) - 1))
        return len(self.joints) - 1
