"""Detail transfer: which latents go where, what a changed prediction means, and what it does to an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_infusion import whole

from seal_sdk import Appearance, IdentitySession
from seal_sdk.backbone.detail import TONE, transfer_detail
from seal_sdk.backbone.step import Correspondence, Forward
from seal_sdk.errors import ConfigError
from seal_sdk.identity import Identity
from seal_sdk.method.detail import clean, mean_shift, steer
from seal_sdk.method.schedules import detail_at

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(seed=3, num_inference_steps=6)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_steered_prediction_stands_for_the_changed_latents(kind):
    torch.manual_seed(0)
    prediction, noisy, change = torch.randn(3, 1, 4, 8, 8, dtype=torch.float64)
    moved = steer(prediction, change, 0.3, kind)
    assert torch.allclose(clean(moved, noisy, 0.3, kind), clean(prediction, noisy, 0.3, kind) + change)


def test_whole_strength_predicts_the_reference_where_tokens_were_infused():
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, 1, 4, 8, 8)
    every, best = torch.arange(16), torch.full((16,), 1.2)  # the sum of two layers
    best[5] = 0.9  # below tau
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    given = whole(reference)
    forward.correspondences[0] = {16: Correspondence(torch.eye(16), best, torch.full((16,), 2.0), every, 16)}
    meant = clean(transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon"), noisy, 0.3, "epsilon")
    before = clean(prediction, noisy, 0.3, "epsilon")
    spared = torch.zeros(8, 8, dtype=torch.bool)
    spared[2:4, 2:4] = True
    assert torch.allclose(
        meant[..., ~spared], reference[..., ~spared], atol=0.05
    )  # some peaks lie a little beside a token
    assert torch.equal(meant[..., spared], before[..., spared])
    assert (
        transfer_detail(replace(forward, correspondences={}), prediction, noisy, [given], 0.3, "epsilon") is prediction
    )


def test_nothing_of_the_references_scene_is_transferred():
    """A match on the subject's outline takes the subject's look, not what lies behind it."""
    torch.manual_seed(0)
    prediction, noisy = torch.randn(2, 1, 4, 8, 8)
    subject = torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6], subject[..., 3, 1] = 1.0, 0.4
    reference = torch.where(subject > 0.9, 1.0, -5.0).expand(1, 4, 8, 8)
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    every, ones = torch.arange(16), torch.ones(16)
    forward.correspondences[0] = {16: Correspondence(torch.eye(16), ones, ones, every, 16)}

    def meant(given):
        return clean(transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon"), noisy, 0.3, "epsilon")

    assert torch.allclose(meant(whole(reference, subject=subject, gated=True)), torch.ones(()), atol=1e-5)
    assert torch.allclose(meant(whole(reference)), reference, atol=0.3)  # some peaks lie a little beside a token


def test_where_nobody_knows_the_subject_all_layers_have_to_see_it():
    """Or what one of them takes for the subject becomes the subject, step by step, until it fills the image."""
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, 1, 4, 8, 8)
    every, layers = torch.arange(16), torch.full((16,), 3.0)
    layers[8:] = 2.0  # the lower half
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    forward.correspondences[0] = {16: Correspondence(torch.eye(16), layers, layers, every, 16)}
    given = whole(reference, subject=torch.ones(1, 1, 8, 8))
    moved = transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon") != prediction
    assert moved[..., :3, :].all() and not moved[..., 5:, :].any()


def test_where_nobody_knows_the_subject_its_outline_is_the_references():
    subject = torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6] = 1.0
    given = whole(torch.randn(1, 4, 8, 8), subject=subject, gated=True)
    assert not torch.equal(given.look, given.reference)
    unknown = replace(given, targets=None)
    assert torch.equal(unknown.look, unknown.reference)


@pytest.mark.parametrize("matched", [True, False])
def test_one_match_moves_the_mean_of_the_whole_subject_and_none_moves_nothing(matched):
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, 1, 4, 8, 8)
    every, region, best = torch.arange(16), torch.zeros(1, 1, 8, 8), torch.zeros(16)
    region[..., 2:6, 2:6] = 1.0
    best[0] = float(matched)  # a corner, outside of the subject
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    forward.correspondences[0] = {16: Correspondence(torch.eye(16), best, torch.ones(16), every, 16)}
    given = whole(reference, region)
    moved = transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon")
    before, after = (clean(each, noisy, 0.3, "epsilon")[..., 2:6, 2:6].mean((-2, -1)) for each in (prediction, moved))
    share = TONE * matched
    assert torch.allclose(after, before + share * (reference.mean((-2, -1)) - before), atol=1e-5)
    assert torch.equal(moved[..., 6:, :], prediction[..., 6:, :])


def test_coarse_grids_tell_look_alikes_apart():
    """Every fine token looks like two of the reference's, one in each half; the coarse ones know which half is which."""
    torch.manual_seed(0)
    prediction, noisy, reference = torch.randn(3, 1, 4, 8, 8)
    every, ones, best = torch.arange(16), torch.ones(16), torch.ones(16)
    fine = torch.eye(16) + 1.1 * torch.eye(16).roll(8, dims=1)  # the wrong one slightly more
    forward = Forward(("generation",), tau=0.5, detail=1.0)
    given = whole(reference)
    coarse = Correspondence(torch.eye(4), torch.ones(4), torch.ones(4), torch.arange(4), 4)

    def meant(grids):
        forward.correspondences[0] = grids
        moved = transfer_detail(forward, prediction, noisy, [given], 0.3, "epsilon")
        return clean(moved, noisy, 0.3, "epsilon")

    finest = Correspondence(fine, best, ones, every, 16)
    alone, together = meant({16: finest}), meant({4: coarse, 16: finest})
    assert (alone - reference).abs().mean() > 0.5
    assert (together - reference).abs().mean() < 0.03  # some peaks lie a little beside a token


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_an_empty_subject_has_no_mean(region):
    latents = torch.randn(1, 4, 8, 8)
    assert not mean_shift(latents, region, latents + 1, 1 - region).any()


def test_details_are_transferred_once_the_layout_stands():
    assert [detail_at(gamma, 0.7) for gamma in (0.0, 0.09, 0.1, 0.9, 0.95, 1.0)] == [0, 0, 0.7, 0.7, 0, 0]
    with pytest.raises(ConfigError, match=r"detail=1\.5"):
        Appearance(detail=1.5)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo", name="one", box=BOX, timesteps=2)
        yield session


def draw(session, image, detail):
    settings = Appearance(tau=-1.0, schedule="constant", detail=detail)
    drawn = session.generate(image, "a photo", structure_box=BOX, appearance=settings, output_type="latent", **FAST)
    return drawn.image


def test_the_subject_comes_nearer_to_the_reference(session, reference_image):
    reference = torch.from_numpy(session.identities["one"].latents)[0]
    far, near = (draw(session, reference_image, detail) for detail in (0.0, 0.7))
    inside = (slice(None), slice(8, 24), slice(8, 22))
    assert (near - reference)[inside].abs().mean() < (far - reference)[inside].abs().mean()


def test_identities_without_stored_latents_draw_the_same(session, reference_image, monkeypatch):
    stored = draw(session, reference_image, 0.7)
    monkeypatch.setattr(Identity, "latents", None)
    assert torch.equal(draw(session, reference_image, 0.7), stored)


def test_latents_are_kept_with_the_identity(session):
    latents = session.identities["one"].latents
    assert latents.dtype == np.float32 and latents.shape == (1, 4, 32, 32)
