"""What a call leaves behind: its settings in the PNG, and the pipeline as it was."""

from __future__ import annotations

import pytest
from fixtures.pictures import GUIDED, INPAINT, OFF, PICTURE

from seal_sdk.images import read_settings


def test_after_a_call_and_an_error_the_pipeline_is_as_it_was(session):
    before = dict(session.pipe.__dict__)

    def stop(pipe, index, timestep, tensors):
        assert pipe.num_timesteps == 2 and pipe._denoising_start is None
        raise KeyboardInterrupt

    given = dict(image=PICTURE, strength=0.5, **GUIDED, **INPAINT, **OFF)
    session.generate(None, "a cat", **given)
    with pytest.raises(KeyboardInterrupt):
        session.generate(None, "a cat", callback_on_step_end=stop, **given)
    assert session.pipe.__dict__ == before


def test_settings_travel_in_the_png_and_name_the_picture_by_its_digest(session, tmp_path):
    drawn = session.generate(None, "a cat", image=PICTURE, strength=0.5, seed=1, **GUIDED, **INPAINT, **OFF)
    drawn.image.save(tmp_path / "drawn.png")
    settings = read_settings(tmp_path / "drawn.png")
    assert len(settings["image"]) == len(settings["mask_image"]) == 64 and settings["image"] != settings["mask_image"]
    assert settings["strength"] == 0.5 and settings["overlay"] is True and settings["padding_mask_crop"] is None
