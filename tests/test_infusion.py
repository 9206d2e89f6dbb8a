"""Appearance infusion where numbers are awkward: half precision, other dtypes, matching per head, watching the matches."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.method.infusion import infuse, match, similarities


def tensors(dtype=torch.float32, keys=5):
    torch.manual_seed(0)
    base, query = torch.randn(2, 2, 6, 8, dtype=dtype)
    key, value = torch.randn(2, keys, 8, dtype=dtype)
    return base, query, key, value


def run(base, query, key, value, **options):
    settings = dict(heads=2, tau=-1.0, delta=3.0, top_k=1, targets=None, rows=(0, 1)) | options
    return infuse(base, query, key, value, **settings)


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
    index = match(similarities(query[0], key), 1)[1][:, 0]
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
def test_a_token_that_is_not_kept_gives_nothing_where_it_is_the_best_match(top_k):
    base, query, key, value = tensors()
    whole, coverage = run(base, query, key, value, top_k=top_k)
    assert torch.equal(run(base, query, key, value, top_k=top_k, kept=torch.ones(5))[0], whole)
    best = match(similarities(query[0], key), 1)[1][:, 0]
    kept = torch.ones(5)
    kept[best[0]] = 0.0
    blended, same = run(base, query, key, value, top_k=top_k, kept=kept)
    gone = best == best[0]
    assert torch.equal(blended[0, gone], base[0, gone]) and torch.equal(blended[0, ~gone], whole[0, ~gone])
    assert same == coverage  # they are matched all the same


def test_matches_can_be_watched():
    seen = {}
    base, query, key, value = tensors()
    targets = torch.tensor([1, 4, 5])

    def watch(row, head, similarity):
        seen[row, head] = similarity

    run(base, query, key, value, targets=targets, rows=(1,), top_k=2, on_match=watch)
    assert list(seen) == [(1, 0)]
    assert torch.equal(seen[1, 0], similarities(query[1, targets], key))
    run(base, query, key, value, per_head=True, on_match=watch)
    assert {head for _, head in seen} == {0, 1}


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
