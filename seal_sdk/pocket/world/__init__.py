"""A procedural world: seeded identities, poses and scenes, rendered as images with masks, parts and joints.

The embedded model is trained on its images, and generated images are measured against its ground truth.
"""

from __future__ import annotations

from .body import PARTS
from .captions import caption, detail_vocabulary, place, subject, vocabulary, words
from .colors import COLORS, color_name
from .detail_sampling import sample_details
from .details import HAIR_STYLES, HATS, LOGOS, AnimalDetails, Hat, Logo, PersonDetails
from .identity import PATTERNS, SPECIES, Identity, sample_identity
from .kinds import KINDS
from .paraphrases import paraphrase
from .pose import Pose, sample_pose
from .render import HELD_OUT, TRAIN, VALIDATION, Rendering, Sample, render, sample
from .rich_captions import rich_caption
from .scene import SCENES, Scene, sample_scene
from .traits import Trait, traits

__all__ = [
    "COLORS",
    "HAIR_STYLES",
    "HATS",
    "HELD_OUT",
    "KINDS",
    "LOGOS",
    "PARTS",
    "PATTERNS",
    "SCENES",
    "SPECIES",
    "TRAIN",
    "VALIDATION",
    "AnimalDetails",
    "Hat",
    "Identity",
    "Logo",
    "PersonDetails",
    "Pose",
    "Rendering",
    "Sample",
    "Scene",
    "Trait",
    "caption",
    "color_name",
    "detail_vocabulary",
    "paraphrase",
    "place",
    "render",
    "rich_caption",
    "sample",
    "sample_details",
    "sample_identity",
    "sample_pose",
    "sample_scene",
    "subject",
    "traits",
    "vocabulary",
    "words",
]
