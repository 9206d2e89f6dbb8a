"""Word attention: inside of the subject relative to outside, of layers whose queries and keys are known."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from fixtures.pipeline_states import fused

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.sdxl import SDXLBackbone
from seal_sdk.generation.word_attention import attention_ratios
from seal_sdk.method.prompt_edit.probes import split_words

TOKENS = 77


class Layer:
    """A layer whose image tokens attend to the prompt's tokens with these weights. weights: (image tokens, TOKENS)."""

    heads = 2

    def __init__(self, weights, size, dtype=torch.float32):
        channels = weights.shape[1]
        logits = weights.clamp(min=1e-8).log() * channels**0.5
        self.size = size
        self.given = {
            "query": torch.stack([torch.cat([logits] * 2, 1), torch.randn(len(weights), 2 * channels)]).to(dtype),
            "key": torch.eye(channels).repeat(1, 2).expand(2, -1, -1).to(dtype),
        }
        self.changes = {}

    def grid(self, latent_size):
        return self.size

    def after(self, projection, hooks, change):
        self.changes[projection] = change

    def run(self):
        for projection in ("query", "key"):
            assert self.changes[projection](self.given[projection]) is None


def ratios(layers, subject, counts):
    return attention_ratios(Hooks(), layers, subject, counts, lambda: [layer.run() for layer in layers])


@pytest.fixture
def subject():
    """The left half of 4x4 latents."""
    subject = torch.zeros(1, 1, 4, 4)
    subject[..., :2] = 1.0
    return subject


def weights(inside, outside, size=(4, 4)):
    """Attention of image tokens in the left and right half. inside, outside: token -> weight; the first token gets the rest."""
    rows = torch.zeros(*size, TOKENS)
    for half, given in zip((rows[:, : size[1] // 2], rows[:, size[1] // 2 :]), (inside, outside), strict=True):
        for token, weight in given.items():
            half[..., token] = weight
        half[..., 0] = 1 - sum(given.values())
    return rows.flatten(0, 1)


@pytest.mark.parametrize(
    ("dtype", "near"), [(torch.float32, 1e-3), (torch.bfloat16, 0.2), (torch.float16, 0.02)], ids=str
)
def test_a_word_gets_the_ratio_of_its_tokens_together(subject, dtype, near):
    layer = Layer(weights({1: 0.2, 2: 0.1, 3: 0.3}, {1: 0.1, 2: 0.1, 3: 0.05}), (4, 4), dtype)
    found = ratios([layer], subject.to(dtype), [1, 2])
    assert found == pytest.approx([2.0, 0.4 / 0.15], rel=near)


def test_layers_of_all_resolutions_count_the_same(subject):
    fine = Layer(weights({1: 0.3}, {1: 0.1}), (4, 4))
    coarse = Layer(weights({1: 0.1}, {1: 0.3}, (2, 2)), (2, 2))
    assert ratios([fine], subject, [1]) == pytest.approx([3.0], rel=1e-4)
    assert ratios([coarse], subject, [1]) == pytest.approx([1 / 3], rel=1e-4)
    assert ratios([fine, coarse], subject, [1]) == pytest.approx([1.0], rel=1e-4)


def test_tokens_on_the_outline_count_for_both_sides():
    """A token half of which is the subject's."""
    subject = torch.zeros(1, 1, 4, 4)
    subject[..., :3] = 1.0
    layer = Layer(weights({1: 0.4}, {1: 0.1}, (2, 2)), (2, 2))
    inside, outside = (0.4 + 0.5 * 0.1) / 1.5, 0.1
    assert ratios([layer], subject, [1]) == pytest.approx([inside / outside], rel=1e-4)


def test_words_that_are_cut_off_get_nothing(subject):
    """The prompt's 75 tokens lie between one that begins it and one that ends it."""
    layer = Layer(weights({75: 0.2, 76: 0.4}, {75: 0.1, 76: 0.1}), (4, 4))
    found = ratios([layer], subject, [74, 1, 1, 5])
    assert found[1] == pytest.approx(2.0, rel=1e-4) and found[2:] == [0.0, 0.0]
    assert ratios([layer], subject, [74, 9])[1] == pytest.approx(2.0, rel=1e-4)  # what is left of a word counts
    assert ratios([layer], subject, []) == []


def test_no_subject_gets_no_words_and_one_that_fills_the_image_gets_all(subject):
    layer = Layer(weights({1: 0.2}, {1: 0.1}), (4, 4))
    assert ratios([layer], torch.zeros_like(subject), [1]) == [0.0]
    assert ratios([layer], torch.ones_like(subject), [1])[0] > 1e6


def read(pipe, dtype=torch.float32):
    """Ratios of a tiny pipeline's words, and its backbone."""
    backbone = SDXLBackbone(pipe.to(dtype=dtype))
    words, subject = split_words("a blue, ((shiny)) cat..."), torch.zeros(1, 1, 32, 32, dtype=dtype)
    subject[..., 8:24, 4:20] = 1.0
    noisy = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    rows = backbone.encode_prompt(" ".join(words), (128, 128))

    def run():
        with torch.no_grad():
            backbone.predict(noisy, torch.tensor(799), rows)

    layers = backbone.cross_attention_layers()
    return attention_ratios(backbone.hooks(), layers, subject, backbone.words.token_counts(words), run), backbone, words


@pytest.mark.parametrize(("dtype", "near"), [(torch.bfloat16, 2e-2), (torch.float16, 2e-3)], ids=str)
def test_half_precision_reads_what_single_precision_reads(tiny_pipeline, dtype, near):
    single, half = read(tiny_pipeline())[0], read(tiny_pipeline(), dtype)[0]
    assert single == pytest.approx(half, rel=near) and max(single) - min(single) > 1e-3


def test_fused_projections_read_the_same_and_hooks_are_gone(tiny_pipeline):
    together, backbone, _ = read(fused(tiny_pipeline()))
    assert together == pytest.approx(read(tiny_pipeline())[0], rel=1e-4)
    assert not any(module._forward_hooks for module in backbone.pipe.unet.modules())


def test_the_layers_are_all_of_cross_attention_and_the_tokens_those_of_the_words(tiny_pipeline):
    _, backbone, words = read(tiny_pipeline())
    layers = backbone.cross_attention_layers()
    assert [layer.module.is_cross_attention for layer in layers] == [True] * len(layers)
    assert len(layers) == sum(name.endswith(".attn2") for name, _ in backbone.pipe.unet.named_modules())
    counts, whole = backbone.words.token_counts(words), backbone.pipe.tokenizer(" ".join(words)).input_ids
    assert counts == [1, 4, 1, 1, 1, 5, 1, 1, 3, 1, 1, 1] and sum(counts) == len(whole) - 2


def test_a_textual_inversion_of_several_tokens_is_one_word(tiny_pipeline):
    pipe = tiny_pipeline()
    pipe.tokenizer = deepcopy(pipe.tokenizer)  # other tests share it
    pipe.load_textual_inversion(torch.randn(3, 32), token="<my-cat>")
    assert SDXLBackbone(pipe).words.token_counts(split_words("a <my-cat>, red")) == [1, 3, 1, 3]
