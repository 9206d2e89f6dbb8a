"""What the measuring networks see in a generated image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seal_sdk.evaluation.networks.joints import JointFinder, find_joints, load_joint_finder
from seal_sdk.evaluation.networks.patterns import PatternNamer, load_pattern_namer, name_pattern
from seal_sdk.evaluation.networks.segmenter import Segmenter, load_segmenter, subject_mask


@dataclass(frozen=True, eq=False)
class Seen:
    """What the networks see in an image.

    Attributes:
        mask: (H, W) bool, the subject.
        joints: (K, 2), the subject's joints as (x, y) pixels, in the order of `joints.SKELETONS`.
        pattern: The subject's pattern, one of `world.PATTERNS`.
    """

    mask: np.ndarray
    joints: np.ndarray
    pattern: str


@dataclass(frozen=True, eq=False)
class Networks:
    """The measuring networks."""

    segmenter: Segmenter
    joint_finder: JointFinder
    pattern_namer: PatternNamer

    @classmethod
    def load(cls) -> Networks:
        """The trained networks. Raises WeightsNotFound."""
        return cls(load_segmenter(), load_joint_finder(), load_pattern_namer())

    def see(self, image: np.ndarray, species: str, true_mask: np.ndarray) -> Seen:
        """What they see.

        Args:
            image: uint8 (H, W, 3).
            species: The subject's species.
            true_mask: (H, W) bool, where the subject should be. Its pattern is named there.
        """
        return Seen(
            subject_mask(self.segmenter, image),
            find_joints(self.joint_finder, image, species).points,
            name_pattern(self.pattern_namer, image, true_mask),
        )
