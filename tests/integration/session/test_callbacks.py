"""Callbacks hear everything in order, and step callbacks change latents and interrupt."""

from __future__ import annotations

import pytest
import torch
from fixtures.session_calls import register

from seal_sdk import Callback
from seal_sdk.errors import NumericalError, PromptError


def test_callbacks_hear_everything_in_order(session, reference_image):
    heard = []

    class Listener(Callback):
        def on_register_start(self, session, name, total):
            heard.append(("register_start", name, total))

        def on_register_step(self, session, index, timestep):
            heard.append(("register_step", index))

        def on_register_end(self, session, identity, hit):
            heard.append(("register_end", hit))

        def on_step_end(self, session, index, timestep, latents):
            heard.append(("step", index, tuple(latents.shape)))

        def on_generate_end(self, session, generation):
            heard.append(("generate_end", len(generation)))

        def on_exception(self, session, error):
            heard.append(("exception", type(error)))

    session.callbacks.append(Listener())
    register(session, reference_image, timesteps=2)
    register(session, reference_image, timesteps=2)
    session.generate(None, ["a cat", "a dog"], seed=1, num_inference_steps=2)
    with pytest.raises(PromptError):
        session.generate(None, " ")
    assert heard == [
        ("register_start", "cat", 2),
        ("register_step", 0),
        ("register_step", 1),
        ("register_end", False),
        ("register_end", True),
        ("step", 0, (2, 4, 32, 32)),
        ("step", 1, (2, 4, 32, 32)),
        ("generate_end", 2),
        ("exception", PromptError),
    ]


def test_step_callback_may_change_latents_and_interrupt(session, reference_image):
    register(session, reference_image)
    seen = []

    def stop_after_two(pipe, index, timestep, given):
        seen.append(index)
        pipe._interrupt = index == 1
        return {"latents": torch.zeros_like(given["latents"])}

    drawn = session.generate(
        None, "a cat", seed=1, num_inference_steps=6, output_type="latent", callback_on_step_end=stop_after_two
    )
    assert seen == [0, 1] and not drawn.image.any()


def test_nan_latents_end_in_a_clear_error(session, reference_image):
    register(session, reference_image)

    def poison(pipe, index, timestep, given):
        return {"latents": given["latents"] * float("nan")}

    with pytest.raises(NumericalError, match="precision="):
        session.generate(None, "a cat", num_inference_steps=1, callback_on_step_end=poison)
