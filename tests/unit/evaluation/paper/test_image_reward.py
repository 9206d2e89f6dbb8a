"""ImageReward's checkpoint under its authors' names, against their arithmetic written down once more."""

from __future__ import annotations

import pytest
import torch
from fixtures import tiny_metrics
from fixtures.tiny_metrics import OPENAI, PROMPT, picture, pixels, score
from torch.nn import functional as F

from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.evaluation.paper.scorers.image_reward import ImageRewardScore, tokenizer

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("offline")


@pytest.fixture(scope="module")
def reward_folder(tmp_path_factory):
    return tiny_metrics.image_reward(tmp_path_factory.mktemp("metrics") / "reward")


class Original:
    """ImageReward's arithmetic from its checkpoint under its own names, as its authors' files state it."""

    def __init__(self, state):
        self.state = state

    def linear(self, name, x):
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def norm(self, name, x, eps):
        return F.layer_norm(x, x.shape[-1:], self.state[f"{name}.weight"], self.state[f"{name}.bias"], eps)

    def attend(self, query, key, value, mask=None):
        """All (tokens, channels), heads of 64; mask: (keys,) bool."""
        heads = [each.unflatten(-1, (-1, 64)).transpose(0, 1) for each in (query, key, value)]
        weights = heads[0] @ heads[1].transpose(-2, -1) / 8
        if mask is not None:
            weights = weights.masked_fill(~mask, float("-inf"))
        return (weights.softmax(-1) @ heads[2]).transpose(0, 1).flatten(1)

    def see(self, image):
        """(1, 3, side, side) -> (1 + patches, channels)."""
        at = "blip.visual_encoder"
        weight, bias = (self.state[f"{at}.patch_embed.proj.{each}"] for each in ("weight", "bias"))
        patches = F.conv2d(image, weight, bias, stride=weight.shape[-1]).flatten(2)[0].T
        x = torch.cat([self.state[f"{at}.cls_token"][0], patches]) + self.state[f"{at}.pos_embed"][0]
        for block in (f"{at}.blocks.0", f"{at}.blocks.1"):
            query, key, value = self.linear(f"{block}.attn.qkv", self.norm(f"{block}.norm1", x, 1e-6)).chunk(3, -1)
            x = x + self.linear(f"{block}.attn.proj", self.attend(query, key, value))
            inner = F.gelu(self.linear(f"{block}.mlp.fc1", self.norm(f"{block}.norm2", x, 1e-6)))
            x = x + self.linear(f"{block}.mlp.fc2", inner)
        return self.norm(f"{at}.norm", x, 1e-6)

    def read(self, tokens, mask, seen):
        at = "blip.text_encoder"
        x = self.state[f"{at}.embeddings.word_embeddings.weight"][tokens]
        x = x + self.state[f"{at}.embeddings.position_embeddings.weight"][: len(tokens)]
        x = self.norm(f"{at}.embeddings.LayerNorm", x, 1e-12)
        for layer in (f"{at}.encoder.layer.0", f"{at}.encoder.layer.1"):
            for name, source, kept in (("attention", None, mask), ("crossattention", seen, None)):
                shown = x if source is None else source
                parts = [
                    self.linear(f"{layer}.{name}.self.{part}", of)
                    for part, of in (("query", x), ("key", shown), ("value", shown))
                ]
                out = self.linear(f"{layer}.{name}.output.dense", self.attend(*parts, kept))
                x = self.norm(f"{layer}.{name}.output.LayerNorm", out + x, 1e-12)
            inner = F.gelu(self.linear(f"{layer}.intermediate.dense", x))
            x = self.norm(f"{layer}.output.LayerNorm", self.linear(f"{layer}.output.dense", inner) + x, 1e-12)
        return x

    def reward(self, image, tokens, mask):
        x = self.read(tokens, mask, self.see(image))[0]
        for place in (0, 2, 4, 6, 7):
            x = self.linear(f"mlp.layers.{place}", x)
        return (float(x) - 0.16717362830052426) / 1.0333394966054072


@pytest.mark.parametrize("prompt", [PROMPT, "a", "far longer than thirty five tokens " * 5])
def test_image_reward_is_its_checkpoints_own_arithmetic(reward_folder, prompt):
    scorer = ImageRewardScore.load(ImageRewardScore.locate(str(reward_folder)), CPU)
    image = picture(1, (32, 32))
    text = tokenizer(reward_folder)(prompt, padding="max_length", truncation=True, max_length=35)
    assert len(text.input_ids) == 35 and text.input_ids[0] == 2 and 3 in text.input_ids  # [CLS] ... [SEP]
    original = Original(torch.load(reward_folder / "ImageReward.pt", weights_only=True))
    expected = original.reward(
        pixels(image, 32, *OPENAI), torch.tensor(text.input_ids), torch.tensor(text.attention_mask, dtype=torch.bool)
    )
    assert score(scorer, image, prompt=prompt) == pytest.approx(expected, abs=1e-6)


def test_image_reward_depends_on_image_and_prompt(reward_folder):
    scorer = ImageRewardScore.load(reward_folder / "ImageReward.pt", CPU)
    values = {score(scorer), score(scorer, image=picture(7)), score(scorer, prompt="a dog")}
    assert len(values) == 3 and score(scorer, reference=picture(8), structure=picture(9)) in values


def test_the_two_added_tokens_change_no_prompt(reward_folder):
    made = tokenizer(reward_folder)
    assert made.convert_tokens_to_ids(["[DEC]", "[ENC]"]) == [57, 58] and len(made) == 59
    assert made("ab").input_ids == [2, 5, 32, 3]


@pytest.mark.parametrize(
    ("name", "weight", "message"),
    [
        ("blip.visual_encoder.blocks.1.attn.qkv.bias", None, "qkv.bias"),
        ("blip.text_encoder.embeddings.word_embeddings.weight", None, "word_embeddings"),
        ("mlp.layers.7.weight", None, "7.weight"),
        ("blip.visual_encoder.blocks.1.attn.gate.weight", torch.zeros(1), "gate.weight"),
        ("optimizer.step", torch.zeros(1), "optimizer.step"),
        ("mlp.layers.4.weight", torch.zeros(12, 25), "do not follow one another"),
        ("blip.text_encoder.encoder.layer.0.output.dense.weight", torch.zeros(128, 8), "size mismatch"),
    ],
)
def test_image_reward_refuses_what_is_missing_left_over_or_of_another_shape(
    reward_folder, tmp_path, name, weight, message
):
    state = torch.load(reward_folder / "ImageReward.pt", weights_only=True)
    state.pop(name, None)
    if weight is not None:
        state[name] = weight
    torch.save(state, tmp_path / "ImageReward.pt")
    with pytest.raises(ConfigError, match=f"(?s)no checkpoint of ImageReward.*{message}"):
        ImageRewardScore.load(tmp_path / "ImageReward.pt", CPU)


def test_image_reward_needs_berts_vocabulary_beside_it(reward_folder, tmp_path):
    (tmp_path / "ImageReward.pt").write_bytes((reward_folder / "ImageReward.pt").read_bytes())
    with pytest.raises(WeightsNotFound, match=r"bert-base-uncased.*vocab\.txt beside"):
        ImageRewardScore.locate(str(tmp_path))
