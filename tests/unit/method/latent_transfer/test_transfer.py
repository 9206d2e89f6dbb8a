"""Latent transfer: which latents go where, and what they do to the prediction."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.transfer import MEAN_SHIFT, mean_shift, transfer_latents
from seal_sdk.method.noise_level import NoiseLevel

LEVEL = NoiseLevel.from_alpha_bar(0.3, "epsilon")
TOKENS = torch.arange(16)


def latents(count):
    torch.manual_seed(0)
    return torch.randn(count, 1, 4, 8, 8)


def whole(reference, region=None, subject=None):
    """A reference whose tokens are all matched."""
    return ReferenceLatents(reference, torch.ones(1, 1, 8, 8) if subject is None else subject, region)


def identical(best_cosine, layer_count, searched=False):
    """Each of 4x4 tokens is matched with the one in its own place."""
    return found(torch.eye(16), best_cosine, layer_count, searched)


def found(similarity, best_cosine, layer_count, searched=False):
    """Matches of a square image with a square reference. searched: some of its tokens may not be taken by every layer."""
    tokens = torch.arange(len(similarity))
    size = len(tokens)
    return Correspondence(tokens, size, searched, tokens, size, similarity, best_cosine, layer_count)


def like(reference, prediction, noisy):
    """A prediction that implies almost the reference."""
    almost = reference + 0.01 * torch.randn_like(reference)
    return LEVEL.steer(prediction, almost - LEVEL.clean(prediction, noisy))


def moved(prediction, noisy, correspondences, reference):
    return transfer_latents(prediction, noisy, [(correspondences, reference)], level=LEVEL, strength=1.0, tau=0.5)


def implied(prediction, noisy, correspondences, reference):
    """The clean latents that the steered prediction implies."""
    return LEVEL.clean(moved(prediction, noisy, correspondences, reference), noisy)


def test_full_strength_predicts_the_reference_where_tokens_were_infused():
    prediction, noisy, reference = latents(3)
    best_cosine = torch.full((16,), 1.2)  # the sum of two layers
    best_cosine[5] = 0.9  # below tau
    clean = implied(prediction, noisy, {16: identical(best_cosine, torch.full((16,), 2.0))}, whole(reference))
    spared = torch.zeros(8, 8, dtype=torch.bool)
    spared[2:4, 2:4] = True
    # the best matches may lie a little beside a token
    assert torch.allclose(clean[..., ~spared], reference[..., ~spared], atol=0.05)
    assert torch.equal(clean[..., spared], LEVEL.clean(prediction, noisy)[..., spared])


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "flow"])
def test_every_prediction_type_reaches_the_reference(kind):
    prediction, noisy, reference = latents(3)
    level = NoiseLevel(0.5, 0.5 if kind == "flow" else 0.75**0.5, kind)
    matched = [({16: identical(torch.ones(16), torch.ones(16))}, whole(reference))]
    steered = transfer_latents(prediction, noisy, matched, level=level, strength=1.0, tau=0.5)
    assert torch.allclose(level.clean(steered, noisy), reference, atol=0.05)


def test_without_matches_or_without_noise_the_prediction_is_returned_as_it_is():
    prediction, noisy, reference = latents(3)
    matched = [({16: identical(torch.ones(16), torch.ones(16))}, whole(reference))]
    noise_free = NoiseLevel.from_alpha_bar(1.0, "epsilon")
    assert transfer_latents(prediction, noisy, [], level=LEVEL, strength=1.0, tau=0.5) is prediction
    assert transfer_latents(prediction, noisy, matched, level=noise_free, strength=1.0, tau=0.5) is prediction


def test_nothing_of_the_references_scene_is_transferred():
    """A match on the subject's outline takes the subject's look, not what lies behind it."""
    prediction, noisy = latents(2)
    subject = torch.zeros(1, 1, 8, 8)
    subject[..., 2:6, 2:6], subject[..., 3, 1] = 1.0, 0.4
    reference = torch.where(subject > 0.9, 1.0, -5.0).expand(1, 4, 8, 8)
    matches = {16: identical(torch.ones(16), torch.ones(16))}
    subject_only = ReferenceLatents(reference, subject, subject_only=True)
    assert torch.allclose(implied(prediction, noisy, matches, subject_only), torch.ones(()), atol=1e-5)
    # the best matches may lie a little beside a token
    assert torch.allclose(implied(prediction, noisy, matches, whole(reference)), reference, atol=0.3)


def test_without_a_known_subject_all_layers_have_to_see_it():
    """Otherwise the subject would grow step by step until it fills the image."""
    prediction, noisy, reference = latents(3)
    layers = torch.full((16,), 3.0)
    layers[8:] = 2.0  # the lower half
    prediction = like(reference, prediction, noisy)
    changed = moved(prediction, noisy, {16: identical(layers, layers, searched=True)}, whole(reference)) != prediction
    assert changed[..., :3, :].all() and not changed[..., 5:, :].any()


@pytest.mark.parametrize("matched", [True, False])
def test_one_match_moves_the_mean_of_the_whole_subject_and_none_moves_nothing(matched):
    prediction, noisy, reference = latents(3)
    region, best_cosine = torch.zeros(1, 1, 8, 8), torch.zeros(16)
    region[..., 2:6, 2:6] = 1.0
    best_cosine[0] = float(matched)  # a corner, outside of the subject
    matches = {16: identical(best_cosine, torch.ones(16))}
    steered = moved(prediction, noisy, matches, whole(reference, region))
    before, after = (LEVEL.clean(each, noisy)[..., 2:6, 2:6].mean((-2, -1)) for each in (prediction, steered))
    share = MEAN_SHIFT * matched
    assert torch.allclose(after, before + share * (reference.mean((-2, -1)) - before), atol=1e-5)
    assert torch.equal(steered[..., 6:, :], prediction[..., 6:, :])


def test_coarse_grids_tell_look_alikes_apart():
    """Every fine token looks like two of the reference's, one in each half; the coarse ones know which half is which."""
    prediction, noisy, reference = latents(3)
    similarity = torch.eye(16) + 1.1 * torch.eye(16).roll(8, dims=1)  # the wrong one slightly more
    coarse = found(torch.eye(4), torch.ones(4), torch.ones(4))
    finest = found(similarity, torch.ones(16), torch.ones(16))
    alone = implied(prediction, noisy, {16: finest}, whole(reference))
    together = implied(prediction, noisy, {4: coarse, 16: finest}, whole(reference))
    assert (alone - reference).abs().mean() > 0.5
    assert (together - reference).abs().mean() < 0.03  # the best matches may lie a little beside a token


def test_each_subject_takes_its_own_reference():
    prediction, noisy, first, second = latents(4)
    upper = (TOKENS < 8).float()
    matches = [{16: identical(ones, ones)} for ones in (upper, 1 - upper)]
    matched = list(zip(matches, (whole(first), whole(second)), strict=True))
    clean = LEVEL.clean(transfer_latents(prediction, noisy, matched, level=LEVEL, strength=1.0, tau=0.5), noisy)
    assert torch.allclose(clean[..., :3, :], first[..., :3, :], atol=0.2)
    assert torch.allclose(clean[..., 5:, :], second[..., 5:, :], atol=0.2)


def test_a_subject_that_was_searched_for_ends_at_its_outline():
    """All tokens were taken for it, and only a part of the image looks like it."""
    prediction, noisy, _ = latents(3)
    reference, image = torch.full((1, 4, 8, 8), 3.0), torch.full((1, 4, 8, 8), 2.0)
    image[..., 5:, :] = -3.0
    prediction = LEVEL.steer(prediction, image - LEVEL.clean(prediction, noisy))
    layers = torch.ones(16)
    layers[12:] = 0.0  # the lowest row of tokens, two latents high
    for searched, rows in ((True, 5), (False, 8)):
        matches = {16: identical(layers if searched else torch.ones(16), layers, searched)}
        clean = implied(prediction, noisy, matches, whole(reference))
        assert torch.allclose(clean[..., :rows, :], torch.tensor(3.0), atol=1e-4)
        assert torch.allclose(clean[..., rows:, :], torch.tensor(-3.0), atol=1e-4)


def test_a_known_subject_is_moved_as_one_that_all_layers_found():
    prediction, noisy, reference = latents(3)
    reference[:] = reference[..., :1, :1]  # wherever a match lies
    image = -reference
    image[..., :6, 2:6] = reference[..., :6, 2:6]  # where the candidates are
    prediction = like(image, prediction, noisy)
    similarity, candidates = torch.randn(6, 16), torch.tensor([1, 2, 5, 6, 9, 10])
    known = Correspondence.empty(candidates, 16, TOKENS, 16, searched=False)
    known.add(similarity, torch.ones(6))
    searched = Correspondence.empty(TOKENS, 16, TOKENS, 16, searched=True)
    searched.add(similarity, torch.ones(6), candidates)
    pair = [moved(prediction, noisy, {16: each}, whole(reference)) for each in (known, searched)]
    assert torch.equal(*pair) and not torch.equal(pair[0], prediction)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_half(dtype):
    prediction, noisy, reference = latents(3).to(dtype)
    matches = {16: identical(torch.ones(16), torch.ones(16))}
    steered = moved(prediction, noisy, matches, whole(reference, subject=torch.ones(1, 1, 8, 8, dtype=dtype)))
    assert steered.dtype == dtype and steered.isfinite().all()


@pytest.mark.parametrize("region", [torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)])
def test_an_empty_subject_has_no_mean(region):
    (clean,) = latents(1)
    assert not mean_shift(clean, region, clean + 1, 1 - region).any()
