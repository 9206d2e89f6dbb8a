"""What a session says of its memory, ``low_memory``, and that calls leave nothing behind."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from fixtures.pipeline_states import model_offload

from seal_sdk import IdentitySession
from seal_sdk.errors import ConfigError
from seal_sdk.segmentation import load_sam
from seal_sdk.segmentation import loading as segmenters
from seal_sdk.segmentation.weights import WEIGHTS_VARIABLE

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(num_inference_steps=2, guidance_scale=4.0)


@pytest.fixture
def open_session(tiny_pipeline, tmp_path, monkeypatch):
    """open_session(pipe=None, **arguments): on one store. SAM is the embedded model's."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, "pocket")

    def make(pipe=None, **arguments):
        return IdentitySession(
            pipe or tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False, **arguments
        )

    return make


def register(session, image, **arguments):
    return session.register(image, prompt="a photo of a cat", name="cat", timesteps=2, **arguments)


def tensors():
    """How many live tensors there are."""
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())


def test_a_report_has_every_model_tier_and_the_segmenter_once_it_is_loaded(open_session, reference_image):
    with open_session() as session:
        assert session.memory.key_values == {"accelerator": 0, "memory": 0, "disk": 0}
        identity = register(session, reference_image, box=BOX)
        session.generate(None, "a cat", seed=1, **FAST)
        report = session.memory
        assert set(report.weights) == {"unet", "vae", "text_encoder", "text_encoder_2"}
        for name, devices in report.weights.items():
            assert devices == {"cpu": sum(each.nbytes for each in getattr(session.pipe, name).parameters())}
        assert report.key_values["memory"] == session._cache.nbytes > 0
        assert report.key_values["disk"] == session.store.usage().total >= identity.nbytes
        assert report.call_peak is None and report.process_peak > report.weights["unet"]["cpu"]
        sam = session.segmenter.model
        assert session.memory.weights["segmenter"] == {"cpu": sum(each.nbytes for each in sam.state_dict().values())}
    with pytest.raises(ConfigError, match="closed"):
        _ = session.memory


def test_low_memory_draws_the_same_and_keeps_nothing(open_session, reference_image, structure_image):
    drawn = []
    for low_memory in (False, True):
        with open_session(low_memory=low_memory) as session:
            register(session, reference_image)  # with low_memory a hit: the segmenter is the same
            generations = [session.generate(structure_image, "a red cat", seed=5, **FAST) for _ in range(2)]
            drawn.append([np.asarray(each.image) for each in generations])
            report = session.memory
        kept = report.key_values["memory"] + report.key_values["accelerator"]
        assert generations[1].reads == {"disk" if low_memory else "memory": 2}
        assert (kept == 0) == low_memory == ("segmenter" not in report.weights)
    assert all(np.array_equal(drawn[0][0], each) for pictures in drawn for each in pictures)


def test_with_low_memory_a_given_budget_counts(open_session, reference_image):
    with open_session(low_memory=True, memory_budget=2**30) as session:
        register(session, reference_image, box=BOX)
        reads = [session.generate(None, "a cat", seed=1, **FAST).reads for _ in range(2)]
    assert reads == [{"disk": 2}, {"memory": 2}]


def test_offloaded_models_wait_again_after_registering(tiny_pipeline, open_session, reference_image, monkeypatch):
    pipe, freed = model_offload(tiny_pipeline()), []
    with open_session(pipe) as session:
        monkeypatch.setattr(pipe, "maybe_free_model_hooks", lambda: freed.append(True))
        register(session, reference_image, box=BOX)
        assert freed == [True]
        register(session, reference_image, box=BOX)  # a hit: nothing had moved
        assert freed == [True]


@pytest.mark.parametrize("low_memory", [False, True])
def test_the_first_picture_from_a_warm_store_needs_neither_sam_nor_the_vae_encoder(
    open_session, reference_image, structure_image, monkeypatch, low_memory
):
    with open_session() as session:
        register(session, reference_image)
        expected = np.asarray(session.generate(None, "a red cat", seed=5, **FAST).image)

    def refuse(*_arguments, **_settings):
        raise AssertionError("nobody needs it")

    monkeypatch.setattr(segmenters, "load_sam", refuse)
    with open_session(low_memory=low_memory) as session:
        handle = session.pipe.vae.encoder.register_forward_pre_hook(refuse)
        drawn = session.generate(None, "a red cat", identity="cat", seed=5, **FAST)
        assert np.array_equal(np.asarray(drawn.image), expected)
        with pytest.raises(AssertionError, match="nobody needs it"):  # what is refused is what would run
            session.generate(structure_image, "a red cat", identity="cat", structure_box=BOX, seed=5, **FAST)
        handle.remove()
        with pytest.raises(AssertionError, match="nobody needs it"):
            session.generate(structure_image, "a red cat", identity="cat", seed=5, **FAST)


def test_forty_calls_leave_no_tensor_behind(open_session, reference_image, structure_image):
    with open_session(subject=load_sam("pocket")) as session:
        register(session, reference_image, box=BOX)

        def draw(number):
            """Each call says something new; one in five edits the reference, and another follows a structure."""
            prompt = f"a photo of a {'red ' if number % 5 == 0 else ''}cat"
            given = dict(structure=structure_image, structure_box=BOX) if number % 5 == 1 else {}
            given |= dict(prompt=prompt, negative_prompt=f"blur {number}", seed=number, num_inference_steps=1)
            session.generate(**given, guidance_scale=4.0)

        def left():
            """Tensors beside those of the prompt cache, which is bounded in bytes."""
            session._input_cache.clear()
            return tensors()

        for number in range(5):
            draw(number)
        before = left()
        for number in range(5, 45):
            draw(number)
        assert left() == before
