"""Delta-Bridge as a guider: the rows that it asks for, and what it makes of them."""

from __future__ import annotations

import pytest
import torch
from diffusers import ClassifierFreeGuidance
from diffusers.modular_pipelines.modular_pipeline import BlockState

from seal_sdk.errors import ConfigError
from seal_sdk.method.delta_bridge import bridge
from seal_sdk.modular import DeltaBridgeGuidance

ROWS = tuple(torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed)) for seed in range(3))


def guided(guider, rows, step=0, steps=5):
    """The guided prediction where every row is predicted as it was put in, and the names of the rows."""
    guider.set_state(step=step, num_inference_steps=steps, timestep=torch.tensor(500))
    batches = guider.prepare_inputs({"prompt_embeds": rows})
    for batch in batches:
        batch.noise_pred = batch.prompt_embeds
    return guider(batches)[0], [getattr(each, guider._identifier_key) for each in batches]


def test_two_rows_are_classifier_free_guidance():
    for scale, rescale in ((4.0, 0.0), (7.5, 0.7)):
        ours, names = guided(DeltaBridgeGuidance(scale, rescale), ROWS[:2])
        assert torch.equal(ours, guided(ClassifierFreeGuidance(scale, rescale), ROWS[:2])[0])
        assert names == ["pred_cond", "pred_uncond"]


@pytest.mark.parametrize("base", ["gen", "app"])
def test_three_rows_are_delta_bridge(base):
    drawn, names = guided(DeltaBridgeGuidance(4.0, strength=0.5, base=base, end=1.0), ROWS)
    cond, uncond, appearance = ROWS
    how = dict(guidance_scale=4.0, strength=0.5, base=base, low_pass_iterations=3)
    assert torch.equal(drawn, bridge(uncond, cond, appearance, **how))
    assert names == ["pred_cond", "pred_uncond", "pred_appearance"]


def test_after_its_end_only_the_main_row_is_computed():
    for base, left in (("gen", "pred_cond"), ("app", "pred_appearance")):
        guider = DeltaBridgeGuidance(4.0, strength=0.5, base=base, end=0.5)
        assert set(guided(guider, ROWS, step=2)[1]) == {left, "pred_uncond"}
        assert len(guided(guider, ROWS, step=1)[1]) == 3


def test_without_guidance_the_bridge_stays():
    assert guided(DeltaBridgeGuidance(1.0), ROWS)[1] == ["pred_cond", "pred_appearance"]
    guider = DeltaBridgeGuidance(4.0)
    guider.disable()
    assert guided(guider, ROWS)[1] == ["pred_cond", "pred_appearance"]


def test_guidance_has_an_interval_of_its_own():
    """Of five steps the second and third; its steps are those of diffusers' guider there."""
    interval = dict(start=0.25, stop=0.6)
    guider = DeltaBridgeGuidance(4.0, **interval)
    for step, names in enumerate([["pred_cond"], *[["pred_cond", "pred_uncond"]] * 2, *[["pred_cond"]] * 2]):
        ours, asked = guided(guider, ROWS[:2], step)
        assert torch.equal(ours, guided(ClassifierFreeGuidance(4.0, **interval), ROWS[:2], step)[0])
        assert asked == names
        assert guider.num_conditions == 2  # for the text encoder of the next call


def test_the_delta_is_added_in_the_region_alone():
    guider = DeltaBridgeGuidance(4.0, strength=0.5)
    guider.subject_region = torch.zeros(1, 1, 8, 8)
    assert torch.equal(guided(guider, ROWS)[0], guided(DeltaBridgeGuidance(4.0), ROWS[:2])[0])


def test_fields_of_a_block_state_do_as_well():
    guider = DeltaBridgeGuidance(4.0, end=1.0)
    guider.set_state(step=0, num_inference_steps=5, timestep=torch.tensor(500))
    state = BlockState(gen=ROWS[0], none=ROWS[1], app=ROWS[2])
    batches = guider.prepare_inputs_from_block_state(state, {"embeds": ("gen", "none", "app"), "ids": ("gen", "none")})
    assert [batch.embeds is row for batch, row in zip(batches, ROWS, strict=True)] == [True] * 3
    assert batches[2].ids is ROWS[0]


def test_its_rows_say_whether_they_have_a_prompt():
    guider = DeltaBridgeGuidance(4.0)
    guider.set_state(step=0, num_inference_steps=5, timestep=torch.tensor(500))
    told = []
    for _ in guider.prepare_inputs({"prompt_embeds": ROWS}):
        guider.prepare_models(torch.nn.Identity())
        told.append(guider.is_conditional)
    assert told == [True, False, True]


def test_it_is_saved_and_loaded(tmp_path):
    DeltaBridgeGuidance(4.0, strength=0.3, base="app").save_pretrained(tmp_path)
    loaded = DeltaBridgeGuidance.from_pretrained(tmp_path)
    assert loaded.guidance_scale == 4.0 and loaded.delta_bridge.strength == 0.3 and loaded.delta_bridge.base == "app"


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match="base='both'"):
        DeltaBridgeGuidance(base="both")
