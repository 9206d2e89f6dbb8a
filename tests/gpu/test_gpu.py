"""On a GPU: half precision, offloading, pinned reads, memory and threads."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
BOX = (20.0, 20.0, 100.0, 110.0)
STEPS = dict(num_inference_steps=8, seed=3)


def open_session(folder, precision="fp16", accelerator="cuda", **arguments):
    return IdentitySession(
        "pocket",
        store=folder,
        precision=precision,
        accelerator=accelerator,
        enable_progress_bar=False,
        **arguments,
    )


def draw(session, reference, structure, prompt="a photo of a red cat on snow"):
    session.register(reference, prompt="a photo of a cat", name="cat", box=BOX)
    return np.asarray(session.generate(structure, prompt, structure_box=BOX, **STEPS).image).astype(int)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_gpu_draws_what_the_cpu_draws(tmp_path, reference_image, structure_image, precision):
    with open_session(tmp_path / "cpu", "fp32", "cpu") as session:
        expected = draw(session, reference_image, structure_image)
    with open_session(tmp_path / "gpu", precision) as session:
        drawn = draw(session, reference_image, structure_image)
    assert np.abs(drawn - expected).mean() < {"fp32": 1, "fp16": 3, "bf16": 6}[precision]


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_with_the_method_off_it_is_plain_diffusers(tmp_path, precision):
    with open_session(tmp_path, precision) as session:
        pipe = session.pipe
        pipe.set_progress_bar_config(disable=True)
        given = dict(num_inference_steps=4, guidance_scale=2.0, output_type="np")
        ours = session.generate(None, "a cat", seed=1, **given, **OFF)
        theirs = pipe("a cat", generator=torch.Generator("cpu").manual_seed(1), height=128, width=128, **given)
        assert np.array_equal(ours.image, theirs.images[0])


def test_model_offload_draws_the_same(tmp_path, reference_image, structure_image):
    with open_session(tmp_path / "whole") as session:
        expected = draw(session, reference_image, structure_image)
    with open_session(tmp_path / "offloaded") as session:
        session.pipe.enable_model_cpu_offload()
        drawn = draw(session, reference_image, structure_image)
    assert np.abs(drawn - expected).mean() < 1


def test_low_memory_draws_the_same_and_leaves_the_gpu_empty(tmp_path, reference_image, structure_image):
    with open_session(tmp_path / "whole") as session:
        expected, whole = draw(session, reference_image, structure_image), session.memory
    with open_session(tmp_path / "low", low_memory=True) as session:
        drawn, low = draw(session, reference_image, structure_image), session.memory
    assert np.array_equal(drawn, expected)
    assert {device for part in whole.weights.values() for device in part} == {"cuda:0"}
    assert {device for part in low.weights.values() for device in part} == {"cpu"}
    assert whole.key_values["accelerator"] > 0 == low.key_values["accelerator"] and low.call_peak > 0


def test_key_values_come_from_pinned_memory_and_then_from_the_accelerators(tmp_path, reference_image, structure_image):
    with open_session(tmp_path) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX)
        reads = [session.generate(structure_image, "a cat", structure_box=BOX, **STEPS).reads for _ in range(2)]
    assert reads == [{"disk": 4}, {"accelerator": 4}]
    with open_session(tmp_path, accelerator_budget=0) as session:
        session.use("cat")
        reads = [session.generate(structure_image, "a cat", structure_box=BOX, **STEPS).reads for _ in range(2)]
    assert reads == [{"disk": 4}, {"memory": 4}]


def test_a_call_frees_what_it_took(tmp_path, reference_image, structure_image):
    with open_session(tmp_path, accelerator_budget=0) as session:
        draw(session, reference_image, structure_image)
        gc.collect()
        gc.disable()
        try:
            before = torch.cuda.memory_allocated()
            draw(session, reference_image, structure_image)
            assert torch.cuda.memory_allocated() <= before + 2**20
        finally:
            gc.enable()


def test_threads_draw_what_each_draws_alone(tmp_path, reference_image, structure_image):
    with open_session(tmp_path) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX)

        def one(number):
            given = dict(structure_box=BOX, seed=number, num_inference_steps=4)
            return np.asarray(session.generate(structure_image, "a red cat", **given).image)

        alone = [one(number) for number in range(4)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(one, range(4)))
    assert all(map(np.array_equal, alone, together))


def latents(session, images_per_forward, images=4):
    how = dict(num_images_per_prompt=images, output_type="latent", images_per_forward=images_per_forward)
    return torch.stack(session.generate(None, "a photo of a cat on snow", **STEPS, **how).images)


@pytest.mark.parametrize("images_per_forward", [3, "auto"])
def test_images_that_share_a_forward_are_the_exact_ones_to_within_rounding(
    tmp_path, reference_image, images_per_forward
):
    with open_session(tmp_path, "fp32") as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX)
        exact, packed = latents(session, "exact"), latents(session, images_per_forward)
    assert (packed - exact).abs().mean() < 0.01 * exact.std()


def test_auto_takes_fewer_images_where_the_memory_is_too_small(tmp_path, reference_image):
    with open_session(tmp_path, "fp32") as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        expected = latents(session, 8, images=32)
        enough = torch.cuda.max_memory_reserved() / torch.cuda.get_device_properties(0).total_memory
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(1.2 * enough)
        try:
            with pytest.raises(torch.OutOfMemoryError):
                latents(session, 32, images=32)
            drawn = latents(session, "auto", images=32)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
    assert (drawn - expected).abs().mean() < 0.01 * expected.std()
