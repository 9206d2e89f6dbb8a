"""Attention kernels, attention processors and channels-last weights: they draw what the default draws, to within rounding."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry
from diffusers.models.attention_processor import AttnProcessor, SlicedAttnProcessor
from fixtures import tiny
from fixtures.pipeline_states import channels_last, sliced_attention
from torch.nn.attention import SDPBackend, sdpa_kernel

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure

BOX = (20.0, 20.0, 100.0, 110.0)
HOW = dict(prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
GIVEN = dict(
    appearance=Appearance(tau=-1.0, top_k=2),
    delta_bridge=DeltaBridge(end=1.0),
    structure_control=Structure(end=1.0),
    structure_box=BOX,
    num_inference_steps=3,
    guidance_scale=4.0,
    seed=1,
    output_type="np",
)
ROUNDING = 1e-4  # of pixels from 0 to 1


@pytest.fixture(scope="module")
def draw(tiny_tokenizer, tmp_path_factory, reference_image, structure_image):
    """Draws with a pipeline that is changed first, from an identity of its own, and checks that no hook stays."""

    def draw(change=lambda pipe: None):
        pipe = tiny.pipeline(tiny_tokenizer)
        change(pipe)
        before = _hooks(pipe)
        with IdentitySession(pipe, store=tmp_path_factory.mktemp("store"), enable_progress_bar=False) as session:
            try:
                session.register(reference_image, **HOW)
                drawn = session.generate(structure_image, "a red cat", **GIVEN)
            finally:
                assert _hooks(pipe) == before
        assert drawn.coverage == [1.0]
        return drawn.image

    return draw


@pytest.fixture(scope="module")
def expected(draw):
    return draw()


@pytest.fixture
def _own_backend_of_diffusers(monkeypatch):
    """``set_attention_backend`` also sets diffusers' global one: it is put back."""
    monkeypatch.setattr(_AttentionBackendRegistry, "_active_backend", AttentionBackendName.NATIVE)


def _hooks(pipe):
    return [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks))
        for part in (pipe.unet, pipe.vae)
        for name, module in part.named_modules()
    ]


@pytest.mark.parametrize("kernel", [SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_every_attention_kernel_of_a_cpu_draws_the_same(draw, expected, kernel):
    with sdpa_kernel(kernel):
        drawn = draw()
    assert np.allclose(drawn, expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("kernel", [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION])
def test_a_kernel_that_a_cpu_lacks_is_told_by_torch_and_leaves_no_hook(draw, kernel):
    with sdpa_kernel(kernel), pytest.raises(RuntimeError, match="No viable backend"):
        draw()


@pytest.mark.parametrize("processor", [AttnProcessor(), SlicedAttnProcessor(slice_size=1)])
def test_processors_without_fused_attention_draw_the_same(draw, expected, processor):
    drawn = draw(lambda pipe: pipe.unet.set_attn_processor(processor))
    assert np.allclose(drawn, expected, rtol=0, atol=ROUNDING)


def test_attention_slicing_draws_the_same(draw, expected):
    assert np.allclose(draw(sliced_attention), expected, rtol=0, atol=ROUNDING)


@pytest.mark.usefixtures("_own_backend_of_diffusers")
@pytest.mark.parametrize("backend", ["native", "_native_math", "_native_efficient"])
def test_the_attention_backends_of_diffusers_do_not_reach_the_processors_of_sdxl(draw, expected, backend):
    """Not even one that a CPU lacks fails: `AttnProcessor2_0` always calls torch's scaled_dot_product_attention."""
    assert np.array_equal(draw(lambda pipe: pipe.unet.set_attention_backend(backend)), expected)


@pytest.mark.usefixtures("_own_backend_of_diffusers")
@pytest.mark.parametrize(
    ("backend", "error", "told"),
    [
        ("flash", RuntimeError, "flash-attn"),
        ("sage", RuntimeError, "sageattention"),
        ("fast", ValueError, "_native_math"),
    ],
)
def test_a_backend_that_is_not_installed_or_unknown_is_told_by_diffusers(tiny_pipeline, backend, error, told):
    if find_spec(told.replace("-", "_")):
        pytest.skip(f"{told} is installed here")
    with pytest.raises(error, match=told):
        tiny_pipeline().unet.set_attention_backend(backend)


@pytest.mark.skipif(find_spec("xformers") is not None, reason="xformers is installed here")
def test_xformers_where_it_is_not_installed_is_told_by_diffusers(tiny_pipeline):
    with pytest.raises(ModuleNotFoundError, match="xformers"):
        tiny_pipeline().enable_xformers_memory_efficient_attention()


def test_channels_last_draws_the_same(draw, expected):
    assert np.allclose(draw(channels_last), expected, rtol=0, atol=ROUNDING)


def test_channels_last_is_the_same_model(tiny_pipeline, tmp_path, reference_image):
    pipe = tiny_pipeline()
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        before = session.register(reference_image, **HOW)
        channels_last(pipe)
        assert session.register(reference_image, **HOW).digest == before.digest
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        assert session.register(reference_image, **HOW).digest == before.digest
