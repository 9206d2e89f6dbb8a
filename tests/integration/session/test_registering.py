"""What a session registers: timesteps, sizes, boxes and masks."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.session_calls import BOX, FAST, register
from PIL import Image

from seal_sdk.errors import InputError


def test_exact_timesteps_are_at_distance_zero_and_anchors_report_theirs(session, reference_image):
    register(session, reference_image, timesteps="exact", num_inference_steps=3)
    assert session.generate(None, "a cat", seed=1, **FAST).timestep_distance == [0.0]
    identity = register(session, reference_image, timesteps=[500])
    assert identity.timesteps == (500,)
    assert session.generate(None, "a cat", seed=1, **FAST).timestep_distance[0] > 100


@pytest.mark.parametrize("timesteps", [0, -3, [], [1000], [1.5], "all", True])
def test_bad_timesteps_are_refused(session, reference_image, timesteps):
    with pytest.raises(InputError, match="timesteps="):
        register(session, reference_image, timesteps=timesteps)


def test_non_square_reference_and_target_of_another_size(session, structure_image):
    wide = Image.new("RGB", (300, 150), "white")
    identity = register(session, wide, box=(100, 20, 200, 140))
    assert identity.size[0] > identity.size[1]
    drawn = session.generate(
        structure_image, "a cat", structure_box=BOX, height=160, width=96, seed=1, num_inference_steps=2
    )
    assert drawn.image.size == (96, 160)


def test_given_masks_win_over_boxes_and_the_segmenter(session, reference_image):
    mask = np.zeros((128, 128), dtype=bool)
    mask[30:60, 40:90] = True
    identity = register(session, reference_image, box=None, mask=mask)
    assert identity.box == (40, 30, 90, 60)
    assert np.array_equal(identity.mask, mask)
