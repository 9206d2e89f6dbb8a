"""Any number of threads, sessions and pipelines on one model draw what each draws alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from seal_sdk import Callback, IdentitySession
from seal_sdk.backbone.lock import lock_of
from seal_sdk.errors import ConfigError

BOX = (20.0, 20.0, 100.0, 110.0)
PROMPTS = ["a cat", "a red cat on snow", "a cat at night", "a blue cat"]
PATIENCE = 120


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=2)
        yield session


def draw(session, structure, number):
    """One of several different calls."""
    drawn = session.generate(
        structure if number % 3 else None,
        PROMPTS[number % len(PROMPTS)],
        identity="cat",
        structure_box=BOX if number % 3 else None,
        seed=number,
        num_inference_steps=2 + number % 2,
        guidance_scale=4.0,
    )
    return np.asarray(drawn.image)


def waiting(session):
    """How many threads wait for the session's model."""
    return sum(lock_of(module).waiting for module in session.backbone.modules)


def in_threads(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result(PATIENCE) for each in [pool.submit(call) for call in calls]]


def test_eight_threads_on_one_session(session, structure_image):
    alone = [draw(session, structure_image, number) for number in range(8)]
    together = in_threads([lambda n=number: draw(session, structure_image, n) for number in range(8)])
    for number in range(8):
        assert np.array_equal(alone[number], together[number]), number


def test_two_sessions_on_one_pipeline(session, structure_image):
    other = IdentitySession(session.pipe, store=session.store, enable_progress_bar=False)
    alone = [draw(session, structure_image, number) for number in range(6)]
    places = [session, other] * 3
    together = in_threads([lambda n=n, place=place: draw(place, structure_image, n) for n, place in enumerate(places)])
    assert all(map(np.array_equal, alone, together))


def test_two_pipelines_on_one_unet(session, structure_image):
    copied = StableDiffusionXLPipeline.from_pipe(session.pipe, dtype=torch.float32)
    assert copied is not session.pipe and copied.unet is session.pipe.unet
    other = IdentitySession(copied, store=session.store, enable_progress_bar=False)
    alone = [draw(session, structure_image, number) for number in range(6)]
    places = [session, other] * 3
    together = in_threads([lambda n=n, place=place: draw(place, structure_image, n) for n, place in enumerate(places)])
    assert all(map(np.array_equal, alone, together))


def test_registering_beside_generating(session, structure_image, tiny_pipeline, tmp_path, reference_image):
    other = IdentitySession(tiny_pipeline(), store=tmp_path / "other", enable_progress_bar=False)
    expected = [
        other.register(structure_image, prompt=prompt, name="new", box=BOX, timesteps=2).digest for prompt in PROMPTS
    ]
    alone = [draw(session, structure_image, number) for number in range(4)]

    def register(prompt, name):
        return session.register(structure_image, prompt=prompt, name=name, box=BOX, timesteps=2).digest

    calls = [lambda n=number: draw(session, structure_image, n) for number in range(4)]
    calls += [lambda p=prompt, n=f"new-{number}": register(p, n) for number, prompt in enumerate(PROMPTS)]
    together = in_threads(calls)
    assert all(map(np.array_equal, alone, together[:4]))
    assert together[4:] == expected


def test_the_identity_in_use_is_that_of_the_moment_of_the_call(session, structure_image):
    """A registration that another thread makes while a call waits does not change what the call draws."""
    expected = np.asarray(session.generate(None, "a cat", seed=1, num_inference_steps=2).image)
    started, drawn = threading.Event(), []

    class Signal(Callback):
        def on_register_start(self, _session, name, total):
            started.set()
            while not waiting(session):
                time.sleep(0.01)

    def register():
        session.register(structure_image, prompt="a dog", name="dog", box=BOX, timesteps=1, callbacks=[Signal()])

    def generate():
        started.wait(PATIENCE)
        drawn.append(np.asarray(session.generate(None, "a cat", seed=1, num_inference_steps=2).image))

    in_threads([register, generate])
    assert np.array_equal(drawn[0], expected)


def test_bad_input_is_told_at_once_while_another_thread_draws(session):
    entered, release = threading.Event(), threading.Event()

    def hold(pipe, index, timestep, given):
        entered.set()
        release.wait(PATIENCE)
        return given

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(session.generate, None, "a cat", seed=1, num_inference_steps=1, callback_on_step_end=hold)
        assert entered.wait(PATIENCE)
        with pytest.raises(ValueError, match="expected words"):
            session.generate(None, "  ")
        assert not busy.done()
        release.set()
        busy.result(PATIENCE)


def test_a_session_that_is_closed_while_a_call_waits_says_so(session):
    entered, release = threading.Event(), threading.Event()

    def hold(pipe, index, timestep, given):
        entered.set()
        release.wait(PATIENCE)
        return given

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(session.generate, None, "a cat", num_inference_steps=1, callback_on_step_end=hold)
        assert entered.wait(PATIENCE)
        closing = pool.submit(session.close)
        while not waiting(session):
            time.sleep(0.01)
        second = pool.submit(session.generate, None, "a cat", num_inference_steps=1)
        while waiting(session) < 2:
            time.sleep(0.01)
        release.set()
        first.result(PATIENCE)
        closing.result(PATIENCE)
        with pytest.raises(ConfigError, match="closed"):
            second.result(PATIENCE)


def test_a_callback_may_call_the_session(session):
    inner = []

    def again(pipe, index, timestep, given):
        inner.append(session.generate(None, "a cat", seed=2, num_inference_steps=1).seeds[0])
        return given

    session.generate(None, "a cat", seed=1, num_inference_steps=2, callback_on_step_end=again)
    assert inner == [2, 2]


def test_an_interrupted_call_leaves_the_model_to_the_next(session, structure_image):
    expected = draw(session, structure_image, 1)

    def interrupt(pipe, index, timestep, given):
        raise KeyboardInterrupt

    def interrupted():
        with pytest.raises(KeyboardInterrupt):
            session.generate(None, "a cat", seed=1, num_inference_steps=2, callback_on_step_end=interrupt)

    _, drawn = in_threads([interrupted, lambda: draw(session, structure_image, 1)])
    assert np.array_equal(drawn, expected)
    assert not any(module._forward_hooks for module in session.pipe.unet.modules())


def test_calls_of_the_pipeline_itself_can_take_their_turn(session, structure_image):
    """An app that also calls its pipeline holds the session's lock meanwhile."""
    session.pipe.set_progress_bar_config(disable=True)

    def plain():
        with session.backbone.lock:
            generator = torch.Generator().manual_seed(5)
            return session.pipe("a cat", num_inference_steps=2, generator=generator, output_type="np").images[0]

    alone = [plain(), draw(session, structure_image, 1)]
    together = in_threads([plain, lambda: draw(session, structure_image, 1)] * 3)
    assert all(np.array_equal(each, alone[number % 2]) for number, each in enumerate(together))
