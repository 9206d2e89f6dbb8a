"""Appearance infusion: its formula, half precision and other dtypes, matching per head, retention, watching the matches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from seal_sdk.method.infusion import (
    InfusionSettings,
    ReferenceTokens,
    cosine_similarity,
    infuse,
    match,
    subject_targets,
    unit,
)


def tensors(dtype=torch.float32, keys=5):
    torch.manual_seed(0)
    base, query = torch.randn(2, 2, 6, 8, dtype=dtype)
    key, value = torch.randn(2, keys, 8, dtype=dtype)
    return base, query, key, value


BOTH, LAST = slice(0, 2), slice(1, 2)


def infused(base, query, key, value, *, rows=BOTH, targets=None, retention=None, **settings):
    settings = InfusionSettings(**dict(heads=2, tau=-1.0, delta=3.0, top_k=1) | settings)
    tokens = ReferenceTokens(key, value)
    return infuse(base, query, tokens, settings, rows=rows, targets=targets, retention=retention)


def run(*tensors, **settings):
    found = infused(*tensors, **settings)
    return found.blended, found.coverage


@pytest.mark.parametrize("delta", [3.0, 100.0, 1e6])
def test_large_values_do_not_overflow_half_precision(delta):
    base, query, key, _ = tensors(torch.float16)
    value = torch.full((5, 8), 60_000.0, dtype=torch.float16)
    blended, _ = run(base, query, key, value, delta=delta)
    expected = (base.double() + delta * value[0].double()) / (1 + delta)
    assert torch.allclose(blended.double(), expected, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_blending_rounds_once(dtype):
    base, query, key, value = tensors(dtype)
    index = match(cosine_similarity(query[0], key), 1)[1][:, 0]
    exact = (base[0].double() + 3 * value[index].double()) / 4
    blended, _ = run(base, query, key, value)
    assert (blended[0] - exact.to(dtype)).abs().max() <= torch.finfo(dtype).eps  # at most the last bit


@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_keys_of_another_dtype_are_converted(top_k):
    base, query, key, value = tensors()
    halved, _ = run(base, query, key.bfloat16(), value.bfloat16(), top_k=top_k)
    whole, _ = run(base, query, key.bfloat16().float(), value.bfloat16().float(), top_k=top_k)
    assert halved.dtype == base.dtype and torch.equal(halved, whole)


@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_per_head_is_each_head_alone(top_k):
    base, query, key, value = tensors()
    together, coverage = run(base, query, key, value, per_head=True, top_k=top_k, tau=0.2)
    shares = []
    for head in (slice(0, 4), slice(4, 8)):
        inputs = (base[..., head], query[..., head], key[:, head], value[:, head])
        alone, share = run(*inputs, heads=1, top_k=top_k, tau=0.2)
        assert torch.allclose(together[..., head], alone, atol=1e-6)
        shares.append(share)
    assert coverage == pytest.approx(sum(shares) / 2)
    assert not torch.equal(together, run(base, query, key, value, top_k=top_k, tau=0.2)[0])


@pytest.mark.parametrize("top_k", [1, 3, 5])
def test_a_token_with_retention_zero_gives_nothing_where_it_is_the_best_match(top_k):
    base, query, key, value = tensors()
    whole, coverage = run(base, query, key, value, top_k=top_k)
    assert torch.equal(run(base, query, key, value, top_k=top_k, retention=torch.ones(5))[0], whole)
    best = match(cosine_similarity(query[0], key), 1)[1][:, 0]
    retention = torch.ones(5)
    retention[best[0]] = 0.0
    blended, same = run(base, query, key, value, top_k=top_k, retention=retention)
    gone = best == best[0]
    assert torch.equal(blended[0, gone], base[0, gone]) and torch.equal(blended[0, ~gone], whole[0, ~gone])
    assert same == coverage  # they are matched all the same


def test_the_best_matches_of_each_row_are_given():
    base, query, key, value = tensors()
    targets = torch.tensor([1, 4, 5])
    (found,) = infused(base, query, key, value, targets=targets, top_k=2).of_row(1)
    best, index = match(cosine_similarity(query[1, targets], key), 1)
    assert torch.allclose(found.cosine, best[:, 0]) and torch.equal(found.index, index[:, 0])
    per_head = infused(base, query, key, value, per_head=True).of_row(0)
    alone = [match(cosine_similarity(query[0][:, head], key[:, head]), 1)[1][:, 0] for head in (slice(4), slice(4, 8))]
    assert all(torch.equal(each.index, index) for each, index in zip(per_head, alone, strict=True))


@pytest.mark.parametrize(("top_k", "per_head"), [(0, False), (1, False), (3, False), (2, True)])
def test_rows_together_are_the_rows_alone(top_k, per_head):
    base, query, key, value = tensors()
    given = dict(top_k=top_k, per_head=per_head, tau=0.2, targets=torch.tensor([0, 2, 3]), retention=torch.rand(5))
    together, _ = run(base, query, key, value, **given)
    for row in range(2):
        alone, _ = run(base, query, key, value, rows=slice(row, row + 1), **given)
        assert torch.equal(together[row], alone[row]) and torch.equal(alone[1 - row], base[1 - row])


def test_strength_zero_is_the_base():
    base, query, key, value = tensors(torch.bfloat16)
    assert torch.equal(run(base, query, key, value, delta=0.0)[0], base)


def test_nan_queries_are_left_to_the_base():
    base, query, key, value = tensors()
    query[0, 2] = float("nan")
    blended, _ = run(base, query, key, value)
    assert torch.equal(blended[0, 2], base[0, 2]) and torch.isfinite(blended).all()


def test_the_base_is_not_written_to():
    base, query, key, value = tensors()
    before = base.clone()
    run(base, query, key, value)
    assert torch.equal(base, before)


def test_match_is_cosine_and_survives_zero_vectors():
    query, key = torch.randn(5, 8), torch.randn(7, 8)
    key[3] = 0
    similarity, index = match(cosine_similarity(query, key), 2)
    expected = F.cosine_similarity(query[:, None], key[None], dim=-1)
    best = expected.topk(2, dim=-1)
    assert torch.allclose(similarity, best.values, atol=1e-6) and torch.equal(index, best.indices)
    assert torch.isfinite(match(cosine_similarity(torch.zeros(2, 8), key), 1)[0]).all()


def infusion(top_k=1, tau=-1.0, delta=3.0, targets=None, rows=BOTH, dtype=torch.float32):
    torch.manual_seed(0)
    base, query = torch.randn(2, 6, 8, dtype=dtype), torch.randn(2, 6, 8, dtype=dtype)
    key, value = torch.randn(5, 8, dtype=dtype), torch.randn(5, 8, dtype=dtype)
    options = dict(tau=tau, delta=delta, top_k=top_k, targets=targets, rows=rows)
    blended, coverage = run(base, query, key, value, **options)
    return base, query, key, value, blended, coverage


def test_one_match_is_blended_by_delta():
    base, query, key, value, blended, coverage = infusion()
    _, index = match(cosine_similarity(query[0], key), 1)
    assert torch.allclose(blended[0], (base[0] + 3 * value[index[:, 0]]) / 4)
    assert coverage == 1.0


def test_several_matches_are_attended_per_head():
    base, query, key, value, blended, _ = infusion(top_k=3, delta=1.0)
    index = match(cosine_similarity(query[0], key), 3)[1]
    for token in range(6):
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            scores = query[0, token, head] @ key[index[token]][:, head].T / 4**0.5
            heads.append(scores.softmax(-1) @ value[index[token]][:, head])
        assert torch.allclose(blended[0, token], (base[0, token] + torch.cat(heads)) / 2, atol=1e-5)


@pytest.mark.parametrize("top_k", [0, 5, 9])
def test_all_matches_equal_plain_cross_attention(top_k):
    base, query, key, value, blended, _ = infusion(top_k=top_k, delta=1.0)
    q, k, v = (t.view(len(t), 2, 4).transpose(0, 1) for t in (query[1], key, value))
    attended = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).reshape(6, 8)
    assert torch.allclose(blended[1], (base[1] + attended) / 2, atol=1e-5)


def test_only_targets_and_rows_change_and_tau_gates():
    targets = torch.tensor([1, 4])
    base, _, _, _, blended, _ = infusion(targets=targets, rows=LAST)
    changed = (blended != base).any(-1)
    assert changed.nonzero().tolist() == [[1, 1], [1, 4]]
    base, query, key, _, blended, coverage = infusion(tau=0.3)
    valid = match(cosine_similarity(query.flatten(0, 1), key), 1)[0][:, 0].view(2, 6) > 0.3
    assert torch.equal((blended != base).any(-1), valid)
    assert coverage == pytest.approx(valid.float().mean().item())


def test_half_precision_stays_half_and_finite():
    base, *_, blended, _ = infusion(dtype=torch.bfloat16)
    assert blended.dtype == base.dtype and torch.isfinite(blended).all()


def test_nothing_to_infuse_is_the_base_itself():
    base, *_, blended, coverage = infusion(targets=torch.tensor([], dtype=torch.long))
    assert blended is base and coverage == 0.0


def test_subject_and_background_compete():
    key = torch.eye(4)
    sources = torch.tensor([True, True, False, False])
    query = torch.tensor([[1.0, 0, 0.2, 0], [0, 0, 1, 0.5], [0, 0.1, 0, 0.2]])
    assert subject_targets(query, unit(key), sources).tolist() == [True, False, False]


@pytest.mark.parametrize(("top_k", "per_head"), [(0, False), (1, False), (3, False), (2, True)])
def test_tiles_change_no_bit(monkeypatch, top_k, per_head):
    torch.manual_seed(0)
    base, query = torch.randn(2, 2, 200, 64)
    key, value = torch.randn(2, 150, 64)
    given = dict(top_k=top_k, per_head=per_head, tau=0.3, heads=4)
    whole, coverage = run(base, query, key, value, **given)
    monkeypatch.setattr("seal_sdk.method.tiles.TILE", 150 * 64)
    tiled, same = run(base, query, key, value, **given)
    assert torch.equal(tiled, whole) and coverage == same > 0


def test_a_key_is_normalised_once():
    tokens = ReferenceTokens(torch.randn(5, 8), torch.randn(5, 8))
    assert tokens.unit_key is tokens.unit_key and tokens.to(torch.float32) is tokens
    assert tokens.unit_value is tokens.unit_value
    assert torch.allclose(tokens.unit_key.norm(dim=-1), torch.ones(5))
    picked = torch.tensor([3, 0])
    assert torch.equal(tokens.select(picked).key, tokens.key[picked])
    assert torch.equal(tokens.select(picked).value, tokens.value[picked])
