"""What cannot be drawn is named before any work: identities, models, arguments."""

from __future__ import annotations

import pytest
import torch
from fixtures.session_calls import FAST, counted, register

from seal_sdk import Appearance, IdentitySession, Structure
from seal_sdk.errors import ConfigError, InputError, SizeError, UnknownIdentity, WrongModel


def test_unknown_identities_suggest_the_nearest(session, reference_image):
    with pytest.raises(UnknownIdentity, match="register"):
        session.generate(None, "a cat")
    register(session, reference_image, name="tiger")
    with pytest.raises(UnknownIdentity, match="tiger"):
        session.use("tigre")
    with pytest.raises(KeyError):
        session.identities["nobody"]


def test_an_identity_of_another_model_is_refused(session, tiny_pipeline, tmp_path, reference_image):
    register(session, reference_image)
    other = IdentitySession(tiny_pipeline(seed=1), store=tmp_path / "store", enable_progress_bar=False)
    with pytest.raises(WrongModel, match="unet"):
        other.generate(None, "a cat", identity="cat", **FAST)


def test_changed_weights_are_noticed_within_a_session(session, reference_image):
    register(session, reference_image)
    with torch.no_grad():
        session.pipe.unet.conv_in.weight.mul_(1.5)
    with pytest.raises(WrongModel):
        session.generate(None, "a cat", **FAST)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (dict(height=130), SizeError, "multiple of 4.*128"),
        (dict(width=0), SizeError, "multiple of 4"),
        (dict(num_inference_steps=0), InputError, "num_inference_steps=0"),
        (dict(guidance_scale=float("nan")), InputError, "nan"),
        (dict(output_type="jpeg"), InputError, "jpeg"),
        (dict(seed=-1), InputError, "-1"),
        (dict(seed=[1, 2]), InputError, "1 images need 1 seeds|2 seeds|seeds"),
        (dict(num_images_per_prompt=0), InputError, "num_images_per_prompt=0"),
        (dict(latents=torch.full((1, 4, 32, 32), float("nan"))), InputError, "finite"),
        (dict(latents=torch.zeros(1, 4, 8, 8)), InputError, "shape"),
        (dict(structure_control=Structure(control="controlnet")), ConfigError, "controlnet="),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_arguments_are_named_before_any_unet_row(session, reference_image, arguments, error, says):
    register(session, reference_image)
    prompt = ["a cat", "a dog", "a bird"] if "seed" in arguments and isinstance(arguments["seed"], list) else "a cat"
    with counted(session.pipe) as counts, pytest.raises(error, match=says):
        session.generate(None, prompt, **{"num_inference_steps": 2, **arguments})
    assert counts["unet_rows"] == 0


def test_lists_of_different_lengths_are_refused(session, reference_image):
    register(session, reference_image)
    with pytest.raises(InputError, match=r"prompt: 2, negative_prompt: 3"):
        session.generate(None, ["a cat", "a dog"], negative_prompt=["x", "y", "z"])


def test_layers_that_were_not_stored_are_refused(session, reference_image):
    register(session, reference_image, appearance=Appearance(layers=("mid",)))
    with pytest.raises(InputError, match=r"mid.*up"):
        session.generate(None, "a cat", num_inference_steps=1)
    session.generate(None, "a cat", num_inference_steps=1, appearance=Appearance(layers=("mid",)))


def test_a_long_prompt_warns_with_what_was_cut(session, reference_image):
    register(session, reference_image)
    with pytest.warns(UserWarning, match="zebra"):
        session.generate(None, "a cat " * 40 + "zebra", num_inference_steps=1, seed=1)


def test_a_closed_session_says_so(session):
    session.close()
    with pytest.raises(ConfigError, match="closed"):
        session.generate(None, "a cat")
