"""Fused projections are another model: an identity belongs to the state it was registered in."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.pipeline_states import fused

from seal_sdk import Appearance, IdentitySession, Structure
from seal_sdk.errors import WrongModel

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)


def test_an_identity_of_the_other_state_is_refused_by_name_and_unfused_again_it_is_found(
    tiny_pipeline, tmp_path, reference_image
):
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        single = session.register(reference_image, **HOW)
        fused(session.pipe)
        with pytest.raises(WrongModel, match="unet"):
            session.generate(None, "a cat", num_inference_steps=1)
        together = session.register(reference_image, **HOW)
        assert together.digest != single.digest
        session.pipe.unfuse_qkv_projections()
        assert session.register(reference_image, **HOW).stored.recipe == single.stored.recipe


def test_infusion_and_structure_injection_draw_what_they_draw_unfused(
    tiny_pipeline, tmp_path, reference_image, structure_image
):
    def drawn(change, folder):
        pipe = change(tiny_pipeline())
        with IdentitySession(pipe, store=folder, enable_progress_bar=False) as session:
            session.register(reference_image, **HOW)
            given = dict(appearance=Appearance(tau=-1.0), structure_control=Structure(end=1.0), structure_box=BOX)
            how = dict(num_inference_steps=3, guidance_scale=4.0, seed=1, output_type="np")
            return session.generate(structure_image, "a red cat", **how, **given)

    single, together = drawn(lambda pipe: pipe, tmp_path / "single"), drawn(fused, tmp_path / "fused")
    assert together.coverage == single.coverage == [1.0]
    assert np.allclose(single.image, together.image, atol=1e-5)
