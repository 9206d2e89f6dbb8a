"""States of a pipeline that work: with the method off they equal plain diffusers, with it they register and draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fixtures.pipeline_states import WORKING, free_u, table, tiled_vae

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import WrongModel

BOX = (20.0, 20.0, 100.0, 110.0)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=3, guidance_scale=4.0)


@pytest.fixture
def pipe(tiny_pipeline, request):
    state = WORKING[request.param]
    if state.needs:
        pytest.importorskip(state.needs)
    pipe = state.change(tiny_pipeline())
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def given(pipe, request):
    return STEPS | dict(output_type="np") | WORKING[request.node.callspec.params["pipe"]].given


@pytest.mark.parametrize("pipe", WORKING, indirect=True)
def test_with_the_method_off_it_is_plain_diffusers(pipe, given, tmp_path):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False, **OFF) as session:
        ours = session.generate(None, "a cat", seed=7, **given)
    theirs = pipe(prompt="a cat", generator=torch.Generator().manual_seed(7), **given)
    assert np.array_equal(ours.image, theirs.images[0])


@pytest.mark.parametrize("pipe", WORKING, indirect=True)
def test_an_identity_is_registered_found_again_and_drawn(pipe, given, tmp_path, reference_image, structure_image):
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        how = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        identity = session.register(reference_image, **how)
        assert session.register(reference_image, **how).digest == identity.digest
        given = given | dict(structure_box=BOX, seed=3)
        drawn = session.generate(structure_image, "a red cat", appearance=Appearance(tau=-1.0), **given)
        without = session.generate(structure_image, "a red cat", **given, **OFF)
    assert np.isfinite(drawn.image).all() and drawn.coverage == [1.0]
    assert not np.allclose(drawn.image, without.image, atol=1e-4)


@pytest.mark.parametrize("change", [free_u, tiled_vae])
def test_what_is_switched_on_later_makes_another_model(tiny_pipeline, tmp_path, reference_image, change):
    pipe = tiny_pipeline()
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        how = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        before = session.register(reference_image, **how)
        change(pipe)
        with pytest.raises(WrongModel, match="Register its reference"):
            session.generate(None, "a cat", **STEPS)
        after = session.register(reference_image, **how)
        assert after.digest != before.digest or after.stored.recipe != before.stored.recipe
        session.generate(None, "a cat", **STEPS)
        pipe.disable_freeu()
        pipe.vae.disable_tiling()
        assert session.register(reference_image, **how).digest == before.digest


def test_the_documented_table_is_this_one():
    documented = (Path(__file__).parents[3] / "docs" / "compatibility.md").read_text()
    assert table() in documented, f"docs/compatibility.md should hold:\n{table()}"
