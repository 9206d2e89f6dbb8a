"""ComfyUI's tensors, in and out."""

import numpy as np
import pytest
import torch
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.images import read_image
from seal_sdk.serving.comfyui.tensors import latents, mask_of_one, masks, picture, pictures, to_image, to_mask


def test_every_level_of_a_picture_survives_the_way_there_and_back():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    drawn = Image.fromarray(np.stack([levels, levels.T, 255 - levels], axis=-1))
    image = to_image([drawn, drawn])
    assert image.shape == (2, 16, 16, 3) and image.dtype == torch.float32
    for precision in (torch.float32, torch.float16):  # ComfyUI may pass either on
        first, second = pictures(image.to(precision))
        assert first.shape == (3, 16, 16)
        assert np.array_equal(np.asarray(read_image(first)), np.asarray(drawn))
        assert torch.equal(first, second)


def test_samplers_that_overshoot_are_clamped():
    assert picture(torch.tensor([[[[-0.1, 0.5, 1.2]]]])).flatten().tolist() == [0, 0.5, 1]


def test_grey_pictures_have_three_channels_and_transparent_ones_keep_their_fourth():
    assert picture(torch.full((1, 4, 6, 1), 0.5)).shape == (3, 4, 6)
    assert picture(torch.rand(1, 4, 6, 4)).shape == (4, 4, 6)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.zeros(3, 8, 8), r"reference is torch.float32 \(3, 8, 8\): expected an IMAGE"),
        (torch.zeros(1, 3, 8, 8), "expected an IMAGE"),
        (torch.zeros(0, 8, 8, 3), "expected an IMAGE"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.uint8), "expected an IMAGE"),
        (torch.full((1, 8, 8, 3), float("nan")), "reference holds NaN"),
        ("a path", "reference is a str"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(InputError, match=message):
        pictures(image, "reference")


def test_one_picture_is_one():
    with pytest.raises(InputError, match="image holds 2 pictures: give one"):
        picture(torch.zeros(2, 8, 8, 3))
    with pytest.raises(InputError, match="mask holds 2 masks"):
        mask_of_one(torch.ones(2, 8, 8))


def test_masks_of_a_batch_and_of_one():
    mask = torch.zeros(2, 8, 6)
    mask[1, 2:4] = 1
    first, second = masks(mask)
    assert first.shape == (8, 6) and not first.any() and second.sum() == 12
    assert mask_of_one(mask[1]).sum() == 12  # some nodes leave the batch out
    assert masks(None) is None
    with pytest.raises(InputError, match=r"mask is torch.float32 \(1, 2, 8, 6\): expected a MASK"):
        masks(mask[None])


def test_load_images_mask_of_an_opaque_picture_is_none():
    assert masks(torch.zeros(1, 64, 64)) is None
    assert masks(torch.zeros(1, 64, 32)) is not None


def test_latents_bring_their_mask():
    samples = torch.rand(2, 4, 8, 8)
    found, mask = latents({"samples": samples})
    assert torch.equal(found, samples) and mask is None
    assert latents({"samples": samples, "noise_mask": torch.ones(2, 1, 64, 64)})[1].shape == (2, 64, 64)
    with pytest.raises(InputError, match=r"latent is torch.float32 \(1, 16, 5, 8, 8\)"):
        latents({"samples": torch.zeros(1, 16, 5, 8, 8)})  # of a video
    with pytest.raises(InputError, match="latent is a NoneType"):
        latents({})


def test_masks_go_out_as_floats():
    mask = np.zeros((4, 6), dtype=bool)
    mask[1] = True
    assert to_mask(mask).shape == (1, 4, 6) and to_mask(mask).sum() == 6
