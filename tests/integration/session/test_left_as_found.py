"""A call leaves the pipeline as it found it, also after an exception, and no memory in use."""

from __future__ import annotations

import copy
import gc

import pytest
import torch
from fixtures.session_calls import BOX, FAST, register

from seal_sdk.errors import NumericalError


def pipeline_state(pipe):
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in pipe.unet.modules())
    return (
        hooks,
        dict(pipe.unet.attn_processors),
        copy.deepcopy(pipe.scheduler.__dict__.get("timesteps")),
        {key: value for key, value in pipe.__dict__.items() if key.startswith("_") and not key.startswith("_internal")},
        pipe.unet.dtype,
        pipe.vae.dtype,
    )


def same_state(before, after):
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(before, after, strict=True))


def test_the_pipeline_is_left_as_found_also_after_an_exception(session, reference_image, structure_image):
    before = pipeline_state(session.pipe)
    register(session, reference_image)
    session.generate(structure_image, "a cat", structure_box=BOX, seed=1, **FAST)
    assert same_state(before, pipeline_state(session.pipe))

    def fail(pipe, index, timestep, given):
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        session.generate(structure_image, "a cat", structure_box=BOX, callback_on_step_end=fail, **FAST)
    assert same_state(before, pipeline_state(session.pipe))


def test_a_failed_register_stores_nothing_and_leaves_the_pipeline(session, reference_image):
    before = pipeline_state(session.pipe)
    with torch.no_grad():
        weight = session.pipe.unet.up_blocks[0].attentions[0].transformer_blocks[0].attn1.to_k.weight
        kept = weight.clone()
        weight.fill_(float("nan"))
        with pytest.raises(NumericalError, match=r"K/V"):
            register(session, reference_image)
        weight.copy_(kept)
    assert list(session.identities) == []
    assert same_state(before, pipeline_state(session.pipe))


def test_a_call_leaves_nothing_behind_that_only_the_garbage_collector_frees(session, reference_image, structure_image):
    """K/V of a call may be gigabytes on an accelerator: they must go when the call ends."""
    register(session, reference_image)
    session.generate(structure_image, "a red cat", structure_box=BOX, seed=1, **FAST)
    session._cache.clear()
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each) is torch.Tensor for each in gc.get_objects())
        drawn = session.generate(structure_image, "a red cat", structure_box=BOX, seed=1, **FAST)
        del drawn
        session._cache.clear()
        after = sum(type(each) is torch.Tensor for each in gc.get_objects())
    finally:
        gc.enable()
    assert after <= before
