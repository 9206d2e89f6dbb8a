"""An identity is drawn beside ControlNets and T2I-Adapters."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures.control_calls import BOX, FAST, OFF
from PIL import Image, ImageOps

from seal_sdk import Appearance, DeltaBridge
from seal_sdk.cli.commands.explain import redraw
from seal_sdk.cli.main import seal

GUIDED = {
    "one": dict(),
    "two": dict(controlnet_conditioning_scale=[0.8, 0.3]),
    "union": dict(control_mode=[0, 3]),
    "t2i": dict(),
    "guessing": dict(guess_mode=True),
}


@pytest.mark.parametrize("case", GUIDED)
def test_an_identity_is_drawn_beside_it_and_a_batch_draws_what_single_calls_draw(
    open_session, reference_image, structure_image, case
):
    kind, arguments = "one" if case == "guessing" else case, GUIDED[case]
    session = open_session(kind)
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    structure = (structure_image, ImageOps.invert(structure_image)) if kind in ("two", "union") else structure_image
    given = dict(FAST, num_inference_steps=2, structure_box=BOX)
    infused = dict(appearance=Appearance(tau=-1.0), delta_bridge=DeltaBridge(override=0))
    draw = partial(session.generate, **given, **arguments, **infused)
    drawn = draw([structure, structure], ["a red cat", "a dog"], seed=[3, 4])
    assert drawn.coverage == [1.0, 1.0]
    for number, prompt in enumerate(["a red cat", "a dog"]):
        assert np.array_equal(drawn.images[number], draw(structure, prompt, seed=3 + number).image)
    without = session.generate(structure, "a red cat", seed=3, **given, **arguments, **OFF)
    assert not np.allclose(drawn.image, without.image, atol=1e-3)
    assert not np.allclose(
        drawn.image, session.generate(None, "a red cat", seed=3, **infused, **{**given, "structure_box": None}).image
    )


@pytest.mark.parametrize("kind", ["one", "t2i"])
def test_every_row_is_steered(open_session, reference_image, structure_image, kind):
    session, seen = open_session(kind), []
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    name = "down_intrablock_additional_residuals" if kind == "t2i" else "down_block_additional_residuals"
    session.pipe.unet.register_forward_pre_hook(
        lambda _, args, given: seen.append((len(args[0]), given[name][0])), with_kwargs=True
    )
    bridge = DeltaBridge(strength=1.0, override=0)
    session.generate(
        structure_image, "a dog", structure_box=BOX, delta_bridge=bridge, num_inference_steps=1, guidance_scale=4.0
    )
    ((rows, added),) = seen
    assert rows == 3 and len(added) == 3 and all(row.any() for row in added)


def test_images_of_one_frame_are_aligned_together(open_session, reference_image, structure_image):
    session, seen = open_session("two"), []
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    for net in session.backbone.controlnet.nets:
        net.register_forward_pre_hook(lambda _, args, given: seen.append(given["controlnet_cond"]), with_kwargs=True)
    half = structure_image.resize((64, 64), Image.Resampling.BOX).resize((128, 128), Image.Resampling.NEAREST)
    how = dict(structure_box=(40, 30, 100, 90), num_inference_steps=1, delta_bridge=DeltaBridge(override=0))
    drawn = session.generate((half, half.resize((64, 64), Image.Resampling.NEAREST)), "a cat", **how)
    first, second = seen
    assert torch.equal(first[:1], torch.from_numpy(np.asarray(drawn.aligned[0]) / np.float32(255)).movedim(2, 0)[None])
    assert (first - second).abs().mean() < 0.03 < (first[:1] - _pixels(half)).abs().mean()


def _pixels(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).movedim(2, 0)[None]


def test_the_settings_draw_it_again_and_explain_says_what_it_lacks(
    open_session, reference_image, structure_image, tmp_path
):
    session = open_session("two")
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    pair = (structure_image, ImageOps.invert(structure_image))
    how = dict(controlnet_conditioning_scale=[0.5, 0.9], control_guidance_end=0.8, guess_mode=True, structure_box=BOX)
    drawn = session.generate(pair, "a red cat", seed=2, num_inference_steps=2, guidance_scale=4.0, **how)
    settings = json.loads(json.dumps(drawn.settings[0]))
    assert len(settings["structure"]["further_aligned_pixels"]) == 1
    again = redraw(session, settings, (session.identities["cat"],), pair)
    assert again.image.tobytes() == drawn.image.tobytes()
    drawn.image.save(tmp_path / "drawn.png")
    done = CliRunner().invoke(seal, ["explain", str(tmp_path / "drawn.png"), "-o", str(tmp_path / "maps.png")])
    assert done.exit_code and "followed a ControlNet" in done.output + str(done.exception)
