"""The method on subjects that its constants were not chosen on: the embedded model's, with known truth.

Structure alone is the measure: the model was not trained on such pictures, nor on such sizes.
"""

from __future__ import annotations

import pytest
from fixtures.odd_subjects import ODD, draw

from seal_sdk import IdentitySession
from seal_sdk.evaluation import METHODS

SEED, STEPS = 400_001, 4


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    store = tmp_path_factory.mktemp("odd")
    with IdentitySession("pocket", store=store, enable_progress_bar=False) as session:
        yield session


# The largest error, relative to structure alone. Measured with five steps: 0.83, 0.77, 0.61, 0.51, 0.72, 0.57.
@pytest.mark.parametrize(
    ("name", "most"),
    [("small", 0.9), ("large", 0.9), ("cut", 0.75), ("unequal", 0.65), ("beside", 0.85), ("fine", 0.7)],
)
def test_an_identity_brings_odd_subjects_closer_to_the_truth(session, name, most):
    odd = ODD[name](SEED)
    alone, with_identity = (odd.error(draw(session, odd, METHODS[each], STEPS)) for each in ("structure", "seal"))
    assert with_identity < most * alone
