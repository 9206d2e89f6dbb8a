"""Which sizes a model can draw, and at which size a reference is captured."""

from __future__ import annotations

import pytest

from seal_sdk.backbone.geometry import LatentGeometry
from seal_sdk.errors import SizeError

SDXL = LatentGeometry(pixels_per_latent=8, channels=4, halvings=2, default_side=1024)


def test_sizes_are_the_models_own_unless_given():
    assert SDXL.check_size(None, None) == (1024, 1024)
    assert SDXL.check_size(768, 1344) == (768, 1344)
    assert SDXL.latent_size((768, 1344)) == (96, 168)


@pytest.mark.parametrize(
    ("height", "says"),
    [(1020, "nearest is 1024|nearest is 1016"), (8, "from 32"), (9000, "nearest is 8192"), ("big", "nearest is 1024")],
)
def test_sizes_that_cannot_be_drawn_say_which_can(height, says):
    with pytest.raises(SizeError, match=says):
        SDXL.check_size(height, None)


@pytest.mark.parametrize(
    ("size", "fitted"), [((1024, 1024), (1024, 1024)), ((300, 150), (1440, 736)), ((4000, 3000), (1184, 896))]
)
def test_references_keep_their_shape_at_about_the_models_area(size, fitted):
    assert SDXL.reference_size(size) == fitted
    assert all(side % SDXL.pixels_per_coarsest_token == 0 for side in fitted)


def test_a_reference_that_is_a_strip_is_refused():
    with pytest.raises(SizeError, match="16 times"):
        SDXL.reference_size((5000, 100))
