"""The paper's functions against what the formulas say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from seal_sdk.method.anchor_align import align_image, align_mask, anchor_transform, border_colour
from seal_sdk.method.delta_bridge import bridge, low_pass
from seal_sdk.method.infusion import infuse, match, similarities, token_mask
from seal_sdk.method.schedules import active, delta_at, lambda_at, tau_at
from seal_sdk.method.targets import subject_wins


def rectangle(size, box):
    mask = np.zeros(size[::-1], dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


def bounds(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_transform_maps_height_and_bottom_centre():
    transform = anchor_transform((40, 20, 80, 100), (10, 30, 50, 70))
    assert transform.scale == 2.0
    assert transform.scale * 30 + transform.shift[0] == 60 and transform.scale * 70 + transform.shift[1] == 100


@pytest.mark.parametrize("structure", [(10, 30, 50, 70), (5, 5, 120, 125), (60, 90, 90, 120)])
def test_image_and_mask_land_on_the_reference_box(structure):
    reference = (40, 20, 80, 100)
    mask = rectangle((128, 128), structure)
    image = Image.fromarray(np.where(mask[..., None], np.uint8([200, 30, 30]), np.uint8([255, 255, 255])))
    transform = anchor_transform(reference, structure)
    moved = align_mask(mask, transform, (128, 128))
    x0, y0, x1, y1 = bounds(moved)
    width = (structure[2] - structure[0]) * transform.scale
    expected = (max(60 - width / 2, 0), 20, min(60 + width / 2, 128), 100)
    assert np.allclose((x0, y0, x1, y1), expected, atol=1.01)
    aligned = np.asarray(align_image(image, transform, (128, 128)))
    seen = np.abs(aligned.astype(int) - [200, 30, 30]).max(axis=2) < 60
    assert (seen & moved).sum() / (seen | moved).sum() > 0.95
    assert (aligned[0, 0] == 255).all()  # the uncovered canvas has the border's colour


def test_border_colour_ignores_what_crosses_the_border():
    pixels = np.zeros((50, 50, 3), np.uint8)
    pixels[:, 20:25] = 255
    assert border_colour(Image.fromarray(pixels)) == (0, 0, 0)


def test_match_is_cosine_and_survives_zero_vectors():
    query, key = torch.randn(5, 8), torch.randn(7, 8)
    key[3] = 0
    similarity, index = match(similarities(query, key), 2)
    expected = F.cosine_similarity(query[:, None], key[None], dim=-1)
    best = expected.topk(2, dim=-1)
    assert torch.allclose(similarity, best.values, atol=1e-6) and torch.equal(index, best.indices)
    assert torch.isfinite(match(similarities(torch.zeros(2, 8), key), 1)[0]).all()


def infusion(top_k=1, tau=-1.0, delta=3.0, targets=None, rows=(0, 1), dtype=torch.float32):
    torch.manual_seed(0)
    base, query = torch.randn(2, 6, 8, dtype=dtype), torch.randn(2, 6, 8, dtype=dtype)
    key, value = torch.randn(5, 8, dtype=dtype), torch.randn(5, 8, dtype=dtype)
    blended, coverage = infuse(
        base, query, key, value, heads=2, tau=tau, delta=delta, top_k=top_k, targets=targets, rows=rows
    )
    return base, query, key, value, blended, coverage


def test_one_match_is_blended_by_delta():
    base, query, key, value, blended, coverage = infusion()
    _, index = match(similarities(query[0], key), 1)
    assert torch.allclose(blended[0], (base[0] + 3 * value[index[:, 0]]) / 4)
    assert coverage == 1.0


def test_several_matches_are_attended_per_head():
    base, query, key, value, blended, _ = infusion(top_k=3, delta=1.0)
    index = match(similarities(query[0], key), 3)[1]
    for token in range(6):
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            scores = query[0, token, head] @ key[index[token]][:, head].T / 4**0.5
            heads.append(scores.softmax(-1) @ value[index[token]][:, head])
        assert torch.allclose(blended[0, token], (base[0, token] + torch.cat(heads)) / 2, atol=1e-5)


def test_all_matches_equal_plain_cross_attention():
    base, query, key, value, blended, _ = infusion(top_k=5, delta=1.0)
    q, k, v = (t.view(len(t), 2, 4).transpose(0, 1) for t in (query[1], key, value))
    attended = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(6, 8)
    assert torch.allclose(blended[1], (base[1] + attended) / 2, atol=1e-5)


def test_only_targets_and_rows_change_and_tau_gates():
    targets = torch.tensor([1, 4])
    base, _, _, _, blended, _ = infusion(targets=targets, rows=(1,))
    changed = (blended != base).any(-1)
    assert changed.nonzero().tolist() == [[1, 1], [1, 4]]
    base, query, key, _, blended, coverage = infusion(tau=0.3)
    valid = match(similarities(query.flatten(0, 1), key), 1)[0][:, 0].view(2, 6) > 0.3
    assert torch.equal((blended != base).any(-1), valid)
    assert coverage == pytest.approx(valid.float().mean().item())


def test_half_precision_stays_half_and_finite():
    base, *_, blended, _ = infusion(dtype=torch.bfloat16)
    assert blended.dtype == base.dtype and torch.isfinite(blended).all()


def test_nothing_to_infuse_is_the_base_itself():
    base, *_, blended, coverage = infusion(targets=torch.tensor([], dtype=torch.long))
    assert blended is base and coverage == 0.0


@pytest.mark.parametrize("grid", [(16, 16), (9, 5), (7, 13)])
def test_token_mask_keeps_covered_tokens(grid):
    mask = rectangle((100, 130), (30, 40, 80, 120))
    kept = token_mask(mask, grid).view(grid)
    centre_row, centre_column = int(80 / 130 * grid[0]), int(55 / 100 * grid[1])
    assert kept[centre_row, centre_column] and not kept[0, 0]
    assert abs(kept.float().mean().item() - mask.mean()) < 0.25


def test_a_tiny_subject_keeps_its_best_token():
    mask = np.zeros((128, 128), dtype=bool)
    mask[64, 64] = True
    kept = token_mask(mask, (8, 8))
    assert kept.sum() == 1 and kept.view(8, 8)[4, 4]
    assert not token_mask(np.zeros((128, 128), dtype=bool), (8, 8)).any()


def test_subject_and_background_compete():
    key = torch.eye(4)
    sources = torch.tensor([True, True, False, False])
    query = torch.tensor([[1.0, 0, 0.2, 0], [0, 0, 1, 0.5], [0, 0.1, 0, 0.2]])
    assert subject_wins(query, key, sources).tolist() == [True, False, False]


def test_low_pass_keeps_constants_and_the_mean_of_waves():
    assert torch.allclose(low_pass(torch.full((1, 2, 9, 7), 3.0), 4), torch.tensor(3.0))
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8)[None, None]
    assert low_pass(checks, 3).abs().max() < 0.2 and torch.equal(low_pass(checks, 0), checks)


def test_bridge_follows_its_formulas():
    torch.manual_seed(0)
    empty, gen, app = torch.randn(3, 1, 4, 8, 8)
    shared = dict(guidance_scale=5.0, low_pass_iterations=2)
    plain = bridge(empty, gen, app, strength=0.0, base="gen", **shared)
    assert torch.equal(plain, empty + 5.0 * (gen - empty))
    delta = low_pass(gen - app, 2)
    by_gen = bridge(empty, gen, app, strength=0.5, base="gen", **shared)
    assert torch.allclose(by_gen, empty + 5.0 * ((gen - empty) + 0.5 * delta), atol=1e-4)
    by_app = bridge(empty, gen, app, strength=0.5, base="app", **shared)
    assert torch.allclose(by_app, empty + 5.0 * ((app - empty) + 0.5 * delta), atol=1e-4)
    unguided = bridge(None, gen, app, strength=0.5, base="gen", **shared)
    assert torch.allclose(unguided, gen + 0.5 * delta, atol=1e-5)


def test_equal_prompts_make_no_delta():
    empty, gen = torch.randn(2, 1, 4, 8, 8)
    shared = dict(guidance_scale=3.0, base="gen", low_pass_iterations=3)
    assert torch.equal(
        bridge(empty, gen, gen, strength=2.0, **shared), bridge(empty, gen, None, strength=0.0, **shared)
    )


def test_schedules_are_careful_early_and_reach_the_setting():
    gammas = [0.0, 0.25, 0.5, 0.75, 1.0]
    taus = [tau_at(g, 0.15, "dynamic") for g in gammas]
    deltas = [delta_at(g, 3.0, "dynamic") for g in gammas]
    assert taus == sorted(taus, reverse=True) and taus[-1] == 0.15 and taus[0] > 0.15
    assert deltas == sorted(deltas) and deltas[-1] == 3.0 and 0 < deltas[0] < 3.0
    assert {tau_at(g, 0.15, "constant") for g in gammas} == {0.15}
    lambdas = [lambda_at(g, 2.0, 0.6) for g in (0.0, 0.3, 0.45, 0.6, 1.0)]
    assert lambdas == pytest.approx([2.0, 2.0, 1.0, 0.0, 0.0])
    assert not active(0.0, 0.0) and active(0.59, 0.6) and not active(0.6, 0.6) and active(1.0, 1.0)
