"""Step callbacks get the tensors that they name, as in diffusers."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.diffusers_calls import assert_draws_an_identity, by_diffusers, by_session


@pytest.mark.parametrize("names", [[], ["latents"]], ids=str)
def test_step_callbacks_get_the_tensors_they_name(with_identity, names):
    seen = []

    def halve(pipe, index, timestep, tensors):
        seen.append(sorted(tensors))
        return {name: tensor * 0.5 for name, tensor in tensors.items()}

    how = dict(callback_on_step_end=halve, callback_on_step_end_tensor_inputs=names)
    ours = by_session(with_identity, "a cat", **how)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **how)[0])
    assert_draws_an_identity(with_identity, "a cat", **how)
    assert seen == [names] * len(seen) and len(seen) == 8
