"""What the text says of the subject changes the transferred details; what it says of the scene does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.detail import TONE, transfer_detail
from seal_sdk.backbone.step import Correspondence, Forward
from seal_sdk.backbone.text_change import ROWS, TextChange
from seal_sdk.errors import ConfigError
from seal_sdk.method.detail import clean
from seal_sdk.method.schedules import text_change_at
from seal_sdk.method.text_change import CERTAIN, DOUBTFUL, believed_change, evidence

BOX = (20.0, 20.0, 100.0, 110.0)
SHAPE = (1, 4, 8, 8)


@pytest.fixture
def region():
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 2:6] = 1.0
    return region


def predictions(region, subject, scene):
    """Clean latents for the prompt, the reference's prompt and no text; the first differs by so much in its means."""
    torch.manual_seed(0)
    neither = torch.randn(SHAPE)
    return neither + subject * region + scene * (1 - region), neither.clone(), neither


def test_another_look_is_believed_where_the_subject_is(region):
    change = believed_change(*predictions(region, subject=0.5, scene=0.2), region)
    assert torch.allclose(change, (0.5 * region).expand(SHAPE), atol=1e-6)


def test_another_scene_alone_changes_nothing_of_the_subject(region):
    asked, shown, neither = predictions(region, subject=0.02, scene=0.5)
    assert evidence(asked, shown, neither, region) < DOUBTFUL
    assert not believed_change(asked, shown, neither, region).any()


def test_two_texts_that_say_the_same_change_nothing(region):
    asked, shown, neither = predictions(region, subject=0.5, scene=0.5)
    assert not believed_change(asked, asked, neither, region).any()
    assert torch.isfinite(believed_change(shown, shown, shown, region)).all()


def test_belief_grows_with_the_evidence(region):
    strength = [
        float(believed_change(*predictions(region, subject=subject, scene=0.5), region).abs().max()) / subject
        for subject in (0.1, 0.15, 0.3, 0.6)
    ]
    assert strength == sorted(strength) and strength[0] < 0.1 and strength[-1] == pytest.approx(1.0, abs=1e-4)
    sure = [float(evidence(*predictions(region, each, 0.5), region)) for each in (0.1, 0.6)]
    assert sure[0] < DOUBTFUL < CERTAIN < sure[1]


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_no_subject_and_nothing_but_the_subject_stay_finite(region):
    assert torch.isfinite(believed_change(*torch.randn(3, *SHAPE), region)).all()


def test_it_is_measured_early_but_not_first():
    assert [text_change_at(gamma) for gamma in (0.0, 0.1, 0.25, 0.26, 1.0)] == [False, True, True, False, False]


def test_the_change_is_the_mean_of_the_measured_steps(region):
    asked, shown, neither = predictions(region, subject=0.5, scene=0.1)
    text = TextChange(override=2.0)
    assert text.over(region) == 0.0
    for scale in (0.5, 1.5):  # a "sample" prediction is the clean latents themselves
        rows = (shown + scale * (asked - shown), shown, neither)
        text.add(dict(zip(ROWS, rows, strict=True)), torch.zeros(SHAPE), 0.5, "sample")
    text.add({"generation": asked}, torch.zeros(SHAPE), 0.5, "sample")  # a step that did not measure
    assert torch.allclose(text.over(region), 2 * believed_change(asked, shown, neither, region), atol=1e-6)


@pytest.mark.parametrize("missing", ["uncond", "appearance", "subject", "infusions"])
def test_nothing_is_measured_where_nothing_can_be_told_apart(missing):
    plan = SimpleNamespace(generation="gen", appearance="app", uncond="none", subject="where", infusions=("one",))
    assert TextChange.rows(plan) == {"asked": "gen", "shown": "app", "neither": "none"}
    setattr(plan, missing, () if missing == "infusions" else None)
    assert TextChange.rows(plan) == {}


def test_transferred_latents_are_changed(region):
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, *SHAPE)
    every = torch.arange(16)
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    forward.correspondences[0] = Correspondence(torch.eye(16), torch.ones(16), every, 16)
    given = SimpleNamespace(reference=reference, region=region, subject=region)
    text = SimpleNamespace(over=lambda region: 0.5 * region)
    plain, changed = (
        clean(transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon", each), noisy, 0.3, "epsilon")
        for each in (None, text)
    )
    assert torch.allclose(changed, plain + 0.5 * region, atol=1e-5)
    assert 0 < TONE <= 1


@pytest.mark.parametrize("override", [-1, float("nan"), float("inf"), "2"])
def test_override_is_a_finite_number(override):
    with pytest.raises(ConfigError, match="override="):
        DeltaBridge(override=override)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a blue cat", name="one", box=BOX, timesteps=2)
        yield session


def test_it_costs_three_rows_of_some_steps_and_only_where_it_matters(session, structure_image):
    def rows(bridge=DeltaBridge(), **settings):
        call = dict(structure_box=BOX, seed=1, num_inference_steps=9, guidance_scale=4.0) | settings
        return session.generate(structure_image, "a red cat", delta_bridge=bridge, **call).unet_rows

    without = rows(replace(DeltaBridge(), override=0))
    assert rows() == without + 2 * 3  # progress 1/8 and 2/8
    assert rows(appearance=Appearance(detail=0)) == without
    unguided = dict(guidance_scale=1.0)
    assert rows(**unguided) == rows(replace(DeltaBridge(), override=0), **unguided)


def test_a_prompt_that_says_the_same_changes_nothing(session, structure_image):
    def draw(override):
        bridge, appearance = DeltaBridge(override=override), Appearance(tau=-1.0)
        call = dict(structure_box=BOX, seed=1, num_inference_steps=6, guidance_scale=4.0, output_type="latent")
        return session.generate(structure_image, "a blue cat", delta_bridge=bridge, appearance=appearance, **call).image

    assert torch.allclose(draw(0.0), draw(4.0), atol=1e-4)
