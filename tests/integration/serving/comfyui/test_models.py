"""Models stay open between workflows, also when somebody interrupts one."""

from __future__ import annotations

import pytest
from fixtures.comfyui import Interrupted, install
from fixtures.comfyui_calls import STEPS, WIDGETS, same

from seal_sdk.serving.comfyui.models import ModelSettings


def test_somebody_interrupts_and_draws_again(run, opened, cat, session, monkeypatch, tmp_path):
    comfy = install(monkeypatch, tmp_path)
    comfy.interrupt_at = 2
    given = dict(session=opened, prompt="a cat", width=0, height=0, identity=cat, **WIDGETS)
    with pytest.raises(Interrupted):
        run("SealDraw", **given)
    assert [step for step, _, _ in comfy.told] == [0, 1, 2]
    image, _, _ = run("SealDraw", **given)
    drawn = session.generate(prompt="a cat", identity="cat", seed=3, num_inference_steps=STEPS)
    assert same(image, drawn)


def test_a_model_stays_open_and_another_is_another(models, opened, run, library, monkeypatch, tmp_path):
    comfy = install(monkeypatch, tmp_path)
    given = dict(model="pocket", path="", precision="auto", accelerator="auto", low_memory=False)
    (again,) = run("SealModel", store=library, **given)
    assert again is opened and comfy.unloaded == 0
    (other,) = run("SealModel", store=str(tmp_path / "other"), **given)
    assert other is not opened and comfy.unloaded == 1
    with pytest.raises(Exception, match=r"sdxl\.safetensors"):  # a checkpoint's name is its file
        run("SealModel", store=library, **{**given, "model": "sdxl.safetensors"})
    assert models.open(ModelSettings("pocket", library)) is opened


def test_what_outlives_a_workflow_is_no_inference_tensor(opened, cat, run):
    """Nobody else could change such weights, say to load a LoRA."""
    assert not any(weights.is_inference() for weights in opened.session.pipe.unet.parameters())
    image, _, _ = run(
        "SealDraw", session=opened, prompt="a cat", width=64, height=64, identity=cat, **{**WIDGETS, "steps": 1}
    )
    assert not image.is_inference()
