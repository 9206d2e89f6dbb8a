"""Which pictures may be given, and which arguments do not go together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures.pictures import GUIDED, INPAINT, MASK, OFF, PICTURE, SIZE, hole, we_draw
from PIL import Image

from seal_sdk.errors import InputError


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (dict(mask_image=MASK), "mask_image= needs image="),
        (dict(strength=0.5), "strength=0.5 needs a picture"),
        (dict(denoising_start=0.5), "denoising_start=0.5 needs a picture"),
        (dict(image=PICTURE, strength=1.5), "strength=1.5"),
        (dict(image=PICTURE, strength=0), "strength=0:"),
        (dict(image=PICTURE, strength=0.2, num_inference_steps=2), "strength=0.2 leaves none of 2 steps"),
        (dict(image=PICTURE, denoising_start=0.8, denoising_end=0.8), "below denoising_end=0.8"),
        (dict(denoising_end=1.0), "denoising_end=1.0"),
        (dict(image=PICTURE, mask_image=np.zeros((64, 64), np.uint8)), "black everywhere"),
        (dict(image=PICTURE, mask_image=hole((2, 2, 3, 3)), **SIZE), "too small"),
        (dict(image=PICTURE, mask_image=hole((2, 2, 30, 30), (64, 128)), **SIZE), "aspect ratio"),
        (dict(image=[PICTURE, PICTURE, PICTURE], mask_image=[MASK, MASK]), "one length"),
        (dict(image=[PICTURE, None]), "none has"),
        (dict(image=[]), "empty list"),
        (dict(image=torch.zeros(1, 4, 8, 8), **INPAINT), "latents of shape"),
        (dict(image=torch.full((1, 4, 16, 16), torch.nan)), "finite"),
        (dict(image=PICTURE, padding_mask_crop=8), "needs mask_image="),
        (dict(image=PICTURE, padding_mask_crop=-1, **INPAINT), "padding_mask_crop=-1"),
        (dict(image=PICTURE, padding_mask_crop=8, output_type="np", **INPAINT), "output_type='np'"),
        (
            dict(image=PICTURE, strength=0.5, latents=torch.zeros(1, 4, 16, 16), **INPAINT),
            "latents= beside mask_image=",
        ),
        (dict(image=Image.new("RGB", (10, 10))), "height=8"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(session, given, told):
    rows, before = [], dict(session.pipe.__dict__)
    handle = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=told):
        session.generate(None, "a cat", **OFF, **given)
    handle.remove()
    assert not rows and session.pipe.__dict__ == before


def test_a_picture_without_a_mask_may_be_of_any_kind_and_keeps_its_size(session, tmp_path):
    PICTURE.save(tmp_path / "picture.png")
    kinds = [tmp_path / "picture.png", np.asarray(PICTURE), torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)]
    drawn = [we_draw(session, image=kind, strength=0.5, **GUIDED).image for kind in (PICTURE, *kinds)]
    assert drawn[0].shape == (64, 64, 3) and all(np.array_equal(drawn[0], each) for each in drawn[1:])
