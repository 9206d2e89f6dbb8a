"""Images and arguments that do not fit the session's nets are refused before any work."""

from __future__ import annotations

import pytest
from fixtures.control_calls import ours
from PIL import Image

from seal_sdk import Structure
from seal_sdk.errors import InputError


def _images(count):
    image = Image.new("RGB", (64, 64), "gray")
    return image if count == 1 else (image,) * count


@pytest.mark.parametrize(
    "kind, count, arguments, told",
    [
        ("one", 2, dict(), "2 images for a picture and the session 1 ControlNet:"),
        ("two", 1, dict(), "1 image for a picture and the session 2 ControlNets:"),
        ("two unions", 3, dict(control_mode=[0, 1, 2]), "3 images .* 2 ControlNets"),
        ("two t2i", 1, dict(), "1 image .* 2 T2I-Adapters"),
        ("two", 2, dict(controlnet_conditioning_scale=[1.0]), r"controlnet_conditioning_scale=\[1.0\]: 2 images"),
        ("two", 2, dict(control_guidance_start=[0.0] * 3), "control_guidance_start=.*2 images"),
        ("two t2i", 2, dict(adapter_conditioning_scale=[1.0]), "adapter_conditioning_scale=.*2 images"),
        ("one", 1, dict(control_guidance_start=0.7, control_guidance_end=0.3), "0.7 is not before .*0.3"),
        ("one", 1, dict(control_guidance_end=0.0), "0.0 is not before"),
        ("one", 1, dict(control_guidance_end=1.5), "control_guidance_end=1.5: expected a number from 0 to 1"),
        ("one", 1, dict(controlnet_conditioning_scale=float("nan")), "controlnet_conditioning_scale=nan"),
        ("one", 1, dict(controlnet_conditioning_scale=[]), r"controlnet_conditioning_scale=\[\]"),
        ("one", 1, dict(guess_mode="yes"), "guess_mode='yes'"),
        ("one", 1, dict(control_mode=1), "control_mode=1: only a ControlNet-Union"),
        ("union", 1, dict(), "needs control_mode=.*from 0 to 3"),
        ("union", 2, dict(control_mode=[1]), r"control_mode=\[1\]: 2 images"),
        ("union", 1, dict(control_mode=4), "control_mode=4: .*0 to 3"),
        ("union", 1, dict(control_mode=-1), "control_mode=-1: expected an integer >= 0"),
        ("t2i", 1, dict(control_guidance_start=0.1), "control_guidance_start=0.1: only a ControlNet has"),
        ("t2i", 1, dict(guess_mode=True), "guess_mode=True: only a ControlNet has"),
        ("t2i", 1, dict(adapter_conditioning_factor=2), "adapter_conditioning_factor=2: expected a number from 0 to 1"),
        ("one", 1, dict(adapter_conditioning_scale=0.5), "adapter_conditioning_scale=0.5: only a T2I-Adapter"),
        ("one", 0, dict(controlnet_conditioning_scale=0.5), "there is none: give structure="),
        ("one", 1, dict(structure_control=Structure(), guess_mode=True), r"guess_mode=True: .*control='controlnet'"),
        ("one", 2, dict(structure_control=Structure()), "2 images for one picture, which several ControlNets take"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_any_work(session_with, kind, count, arguments, told):
    session, rows = session_with(kind), []
    counting = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=told):
        ours(session, _images(count) if count else None, **arguments)
    counting.remove()
    assert not rows


@pytest.mark.parametrize("structure, told", [((), r"structure=\(\)"), ((None, _images(1)), "None among")])
def test_missing_images_are_refused(session_with, structure, told):
    with pytest.raises(InputError, match=told):
        ours(session_with("two"), structure)
