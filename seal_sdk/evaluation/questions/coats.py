"""How much of a subject's coat shows the pattern's second colour. Ours.

Some poses hide a pattern: what is left of two tones or patches then looks like a plain coat, and no picture can show them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seal_sdk.pocket import world

SEEN = (0.25, 0.75)  # shares of the coat in the second colour between which a pattern is seen as one
_BLACK, _WHITE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
_ANY_SCENE = world.sample_scene(np.random.default_rng(0))


def shows_pattern(identity: world.Identity, *poses: world.Pose) -> bool:
    """Whether the identity's pattern is seen as one in all of these poses. A plain coat shows none."""
    low, high = SEEN
    return all(low <= marked_share(identity, pose) <= high for pose in poses)


def marked_share(identity: world.Identity, pose: world.Pose) -> float:
    """The share of the coat that has the second colour, from 0 to 1, by area in a picture of that pose."""
    plain = replace(identity, pattern="plain", main=_BLACK, second=_WHITE)
    light = _light(plain, pose)
    coat = _light(replace(plain, main=_WHITE), pose) - light
    return (_light(replace(plain, pattern=identity.pattern), pose) - light) / coat


def _light(identity: world.Identity, pose: world.Pose) -> float:
    """How bright a small picture is."""
    return float(world.render(identity, pose, _ANY_SCENE, size=32).image.astype(np.float64).sum())
