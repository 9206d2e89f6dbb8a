"""What the text says of the subject changes the transferred details; what it says of the scene does not."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny_infusion import whole

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.detail import TONE, transfer_detail
from seal_sdk.backbone.step import EDITED, NEITHER, SHOWN, Correspondence, Forward
from seal_sdk.backbone.text_change import TextChange
from seal_sdk.errors import ConfigError
from seal_sdk.method.detail import clean
from seal_sdk.method.schedules import text_change_at
from seal_sdk.method.text_change import CERTAIN, DOUBTFUL, bearers, believed_change, evidence

BOX = (20.0, 20.0, 100.0, 110.0)
SHAPE = (1, 4, 8, 8)


@pytest.fixture
def region():
    region = torch.zeros(1, 1, 8, 8)
    region[..., 2:6, 2:6] = 1.0
    return region


def predictions(region, subject, scene):
    """Clean latents for the edited and for the reference's prompt; they differ by so much in subject and scene."""
    torch.manual_seed(0)
    shown = torch.randn(SHAPE)
    return shown + subject * region + scene * (1 - region), shown


def test_another_look_is_believed_where_the_subject_is(region):
    change = believed_change(*predictions(region, subject=0.5, scene=0.2), region)
    assert torch.allclose(change, (0.5 * region).expand(SHAPE), atol=1e-6)


def test_another_scene_alone_changes_nothing_of_the_subject(region):
    edited, shown = predictions(region, subject=0.3, scene=0.5)
    assert evidence(edited - shown, region) < DOUBTFUL
    assert not believed_change(edited, shown, region).any()


def test_an_edit_without_effect_changes_nothing(region):
    edited, shown = predictions(region, subject=0.0, scene=0.0)
    assert not believed_change(edited, shown, region).any()


def test_belief_grows_with_the_evidence(region):
    strength = [
        float(believed_change(*predictions(region, subject=subject, scene=0.2), region).abs().max()) / subject
        for subject in (0.1, 0.25, 0.3, 0.6)
    ]
    assert strength[0] == 0 and strength == sorted(strength) and strength[-1] == pytest.approx(1.0, abs=1e-4)
    assert 0 < strength[1] < strength[2] < 1
    assert DOUBTFUL < CERTAIN


def test_a_change_is_borne_by_what_has_the_changed_look(region):
    """Half of the subject has the look that the reference's text names, half is as far along as the new look."""
    left = torch.zeros_like(region)
    left[..., 2:6, 2:4] = 1.0
    named = torch.zeros(1, 4, 1, 1)
    named[:, 0] = 1.0
    change = torch.zeros(1, 4, 1, 1)
    change[:, 1] = 1.0
    latents = left * named + (region - left) * change
    shown, neither = (named * region).expand(SHAPE), torch.zeros(SHAPE)
    taken = bearers(latents, region, (change * region).expand(SHAPE), shown, neither)
    assert taken[left > 0].min() > 1.5 and taken[(region - left) > 0].max() < 0.8


def test_a_subject_of_one_look_takes_the_change_everywhere_alike(region):
    change, shown = torch.randn(2, *SHAPE)
    taken = bearers(shown.mean((-2, -1), keepdim=True) * region, region, change, shown, torch.zeros(SHAPE))[region > 0]
    assert torch.allclose(taken, taken[0].expand(16), atol=1e-4)


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_no_subject_and_nothing_but_the_subject_stay_finite(region):
    edited, shown, neither = torch.randn(3, *SHAPE)
    assert torch.isfinite(believed_change(edited, shown, region)).all()
    assert torch.isfinite(bearers(edited, region, edited, shown, neither)).all()


def test_it_is_measured_while_the_noise_hides_the_subject():
    assert [text_change_at(gamma) for gamma in (0.0, 0.1, 0.12, 1.0)] == [True, True, False, False]


def test_the_change_is_the_mean_of_the_measured_steps(region):
    edited, shown = predictions(region, subject=0.5, scene=0.1)
    neither, latents = torch.randn(2, *SHAPE)
    text = TextChange(override=2.0)
    assert text.over(region, latents) == 0.0
    for scale in (0.5, 1.5):  # a "sample" prediction is the clean latents themselves
        rows = {SHOWN: shown, NEITHER: neither, EDITED[0]: shown + scale * (edited - shown)}
        text.add(rows, torch.zeros(SHAPE), 0.5, "sample")
    text.add({"generation": edited}, torch.zeros(SHAPE), 0.5, "sample")  # a step that did not measure
    change = believed_change(edited, shown, region)
    expected = 2 * change * bearers(latents, region, change, shown, neither)
    assert torch.allclose(text.over(region, latents), expected, atol=1e-5)


def test_each_difference_counts_by_its_own_evidence(region):
    """A colour is followed although the same prompt also asks for another scene."""
    colour, shown = predictions(region, subject=0.5, scene=0.0)
    scene, _ = predictions(region, subject=0.2, scene=1.0)
    neither, latents = torch.randn(2, *SHAPE)

    def change(*edits):
        text = TextChange(override=1.0)
        rows = {SHOWN: shown, NEITHER: neither, **dict(zip(EDITED, edits))}
        text.add(rows, torch.zeros(SHAPE), 0.5, "sample")
        return text.over(region, latents)

    assert torch.equal(change(colour, scene), change(colour))
    assert change(colour).abs().max() > 0.2


@pytest.mark.parametrize("missing", ["uncond", "appearance", "subject", "infusions", "edits"])
def test_nothing_is_measured_where_nothing_can_be_told_apart(missing):
    plan = SimpleNamespace(
        appearance="app", uncond="none", subject="where", infusions=("one",), edits=("first", "second")
    )
    assert TextChange.rows(plan) == {"shown": "app", "neither": "none", "edited 0": "first", "edited 1": "second"}
    setattr(plan, missing, () if missing in ("infusions", "edits") else None)
    assert TextChange.rows(plan) == {}


def test_transferred_latents_are_changed(region):
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, *SHAPE)
    every = torch.arange(16)
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    forward.correspondences[0] = {16: Correspondence(torch.eye(16), torch.ones(16), torch.ones(16), every, 16)}
    given = whole(reference, region, region)
    text = SimpleNamespace(over=lambda region, latents: 0.5 * region)
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
    assert rows() == without + 3  # progress 0 alone; the prompts differ in one word
    assert rows(appearance=Appearance(detail=0)) == without
    unguided = dict(guidance_scale=1.0)
    assert rows(**unguided) == rows(replace(DeltaBridge(), override=0), **unguided)


def test_a_prompt_that_says_the_same_changes_nothing(session, structure_image):
    def draw(override):
        bridge, appearance = DeltaBridge(override=override), Appearance(tau=-1.0)
        call = dict(structure_box=BOX, seed=1, num_inference_steps=6, guidance_scale=4.0, output_type="latent")
        return session.generate(structure_image, "a blue cat", delta_bridge=bridge, appearance=appearance, **call).image

    assert torch.allclose(draw(0.0), draw(4.0), atol=1e-4)
