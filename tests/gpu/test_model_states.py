"""On a GPU: compiled, offloaded and cast UNets, attention kernels and memory formats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone import fingerprint as hashing

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
BOX = (20.0, 20.0, 100.0, 110.0)
STEPS = dict(num_inference_steps=4, seed=3, structure_box=BOX)
CUDA = torch.device("cuda")


def blocks(pipe):
    pipe.unet.compile_repeated_blocks(fullgraph=True)


def in_place(pipe):
    pipe.unet.compile()


def wrapped(pipe):
    pipe.unet = torch.compile(pipe.unet)


def with_cuda_graphs(pipe):
    pipe.unet.compile(mode="reduce-overhead")


def sequential(pipe):
    pipe.enable_sequential_cpu_offload()


def streamed_leaves(pipe):
    pipe.enable_group_offload(onload_device=CUDA, offload_type="leaf_level", use_stream=True)


def streamed_blocks(pipe):
    pipe.enable_group_offload(onload_device=CUDA, offload_type="block_level", num_blocks_per_group=1, use_stream=True)


def leaves(pipe):
    pipe.enable_group_offload(onload_device=CUDA, offload_type="leaf_level")


COMPILED = [blocks, in_place, wrapped, with_cuda_graphs]
OFFLOADED = [sequential, leaves, streamed_leaves, streamed_blocks]


def open_session(folder, change=lambda pipe: None):
    session = IdentitySession("pocket", store=folder, precision="bf16", accelerator="cuda", enable_progress_bar=False)
    session.pipe.set_progress_bar_config(disable=True)
    change(session.pipe)
    return session


def draw(session, reference, structure):
    session.register(reference, prompt="a photo of a cat", name="cat", box=BOX)
    return np.asarray(session.generate(structure, "a photo of a red cat on snow", **STEPS).image).astype(int)


@pytest.fixture
def expected(tmp_path, reference_image, structure_image):
    with open_session(tmp_path / "plain") as session:
        return draw(session, reference_image, structure_image)


@pytest.mark.parametrize("change", COMPILED)
def test_compiled_it_draws_nearly_the_same(tmp_path, reference_image, structure_image, expected, change):
    torch._dynamo.reset()
    with open_session(tmp_path / "compiled", change) as session:
        drawn = [draw(session, reference_image, structure_image) for _ in range(2)]
    assert np.array_equal(*drawn) and np.abs(drawn[0] - expected).mean() < 3


@pytest.mark.parametrize("change", [blocks, in_place, wrapped])
def test_compiled_with_the_method_off_it_is_plain_diffusers(tmp_path, change):
    torch._dynamo.reset()
    with open_session(tmp_path, change) as session:
        given = dict(num_inference_steps=4, guidance_scale=2.0, output_type="np")
        ours = session.generate(None, "a cat", seed=1, **given, **OFF)
        generator = torch.Generator("cpu").manual_seed(1)
        theirs = session.pipe("a cat", generator=generator, height=128, width=128, **given)
        assert np.array_equal(ours.image, theirs.images[0])


@pytest.mark.parametrize("change", OFFLOADED)
def test_offloaded_it_is_the_same_model_and_hashed_once(
    tmp_path, reference_image, structure_image, expected, change, monkeypatch
):
    hashed, fingerprint = [], hashing.fingerprint
    monkeypatch.setattr(hashing, "fingerprint", lambda module: hashed.append(module) or fingerprint(module))
    with open_session(tmp_path / "plain", change) as session:  # the identity is there
        drawn = [draw(session, reference_image, structure_image) for _ in range(2)]
        assert len(list(session.identities)) == 1
    assert np.array_equal(*drawn) and np.abs(drawn[0] - expected).mean() < 1
    assert len(hashed) == 4


def test_cast_to_float8_it_registers_and_draws(tmp_path, reference_image, structure_image):
    def cast(pipe):
        pipe.unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)

    with open_session(tmp_path, cast) as session:
        drawn = [draw(session, reference_image, structure_image) for _ in range(2)]
    assert np.array_equal(*drawn)


@pytest.mark.parametrize("kernel", ["FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION", "MATH"])
def test_every_attention_kernel_draws_nearly_the_same(tmp_path, reference_image, structure_image, expected, kernel):
    preferred = [getattr(SDPBackend, kernel), SDPBackend.MATH]  # not every kernel takes the masks of text encoders
    with sdpa_kernel(preferred, set_priority=True), open_session(tmp_path / "kernel") as session:
        drawn = [draw(session, reference_image, structure_image) for _ in range(2)]
    assert np.array_equal(*drawn) and np.abs(drawn[0] - expected).mean() < 3


def test_channels_last_draws_nearly_the_same(tmp_path, reference_image, structure_image, expected):
    def channels_last(pipe):
        for part in (pipe.unet, pipe.vae):
            part.to(memory_format=torch.channels_last)

    with open_session(tmp_path / "channels-last", channels_last) as session:
        drawn = [draw(session, reference_image, structure_image) for _ in range(2)]
    assert np.array_equal(*drawn) and np.abs(drawn[0] - expected).mean() < 3
