"""States of a pipeline that are refused in words, by register and by generate, before the model does anything."""

from __future__ import annotations

import copy
import pickle

import pytest
from fixtures.pipeline_states import REFUSED

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import UnsupportedModel

BOX = (20.0, 20.0, 100.0, 110.0)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))


@pytest.mark.parametrize("name", REFUSED)
def test_it_says_what_to_do_and_does_nothing(tiny_pipeline, tmp_path, reference_image, name):
    state, rows = REFUSED[name], []
    pipe = state.change(tiny_pipeline())
    pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        with pytest.raises(UnsupportedModel, match=state.advice):
            session.register(reference_image, prompt="a cat", name="cat", box=BOX)
        with pytest.raises(UnsupportedModel, match=state.advice):
            session.generate(None, "a cat", num_inference_steps=1, **OFF)
        assert list(session.identities) == [] and not rows


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy, copy.copy])
def test_a_session_that_is_pickled_or_copied_says_what_to_send(tiny_pipeline, tmp_path, copied):
    with (
        IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session,
        pytest.raises(TypeError, match=r"session.state_dict\(\)"),
    ):
        copied(session)


def test_a_scheduler_whose_noise_no_seed_reaches_is_refused(tiny_pipeline, tmp_path):
    """DPMSolverSDEScheduler needs a package of its own, so its mark stands in for it."""
    pipe = tiny_pipeline()
    pipe.scheduler.noise_sampler = None
    with (
        IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session,
        pytest.raises(UnsupportedModel, match="sde-dpmsolver"),
    ):
        session.generate(None, "a cat", num_inference_steps=1, **OFF)
