"""ImageReward's network: BLIP's image and text encoders, and a head that maps the first token to a reward.

Xu et al., NeurIPS 2023, arXiv 2304.05977, and BLIP, arXiv 2201.12086: a BERT attends to the tokens of a ViT by
cross-attention. The network is built from transformers' BLIP and a checkpoint with the authors' names of weights. All
sizes follow from the checkpoint's shapes (heads have 64 channels in BLIP models of both sizes). Unknown weights are an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from torch import Tensor, nn
from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel

MEAN, STD = 0.16717362830052426, 1.0333394966054072  # of the rewards of the authors' data
_HEAD_WIDTH = 64
_LINEAR = (0, 2, 4, 6, 7)  # positions of the head's linear layers; only dropout lies between them
_VISION, _TEXT, _HEAD = "blip.visual_encoder.", "blip.text_encoder.", "mlp.layers."
_UNUSED = (
    "blip.vision_proj.",
    "blip.text_proj.",
    _TEXT + "embeddings.position_ids",
)  # only needed for BLIP's pretraining
_RENAMED = (  # timm's names -> transformers'
    ("cls_token", "embeddings.class_embedding"),
    ("pos_embed", "embeddings.position_embedding"),
    ("patch_embed.proj.", "embeddings.patch_embedding."),
    ("blocks.", "encoder.layers."),
    (".norm1.", ".layer_norm1."),
    (".norm2.", ".layer_norm2."),
    (".attn.qkv.", ".self_attn.qkv."),
    (".attn.proj.", ".self_attn.projection."),
)


class RewardModel(nn.Module):
    """The network of a checkpoint, for inference.

    Raises:
        KeyError: If the checkpoint lacks weights or holds unknown ones. The message names them.
        RuntimeError: If the shapes of weights do not fit each other.
    """

    def __init__(self, checkpoint: Mapping[str, Tensor]) -> None:
        super().__init__()
        vision, text, head = (_part(checkpoint, prefix) for prefix in (_VISION, _TEXT, _HEAD))
        _refuse_others(checkpoint)
        self.vision = BlipVisionModel(vision_config(vision))
        self.text = BlipTextModel(
            text_config(text, encoder_width=vision["cls_token"].shape[-1]), add_pooling_layer=False
        )
        self.head = _head([head[f"{place}.weight"] for place in _LINEAR], self.text.config.hidden_size)
        self.vision.load_state_dict({_renamed(name): weight for name, weight in vision.items()})
        self.text.load_state_dict(text)
        self.head.load_state_dict(head)
        self.eval().requires_grad_(False)

    @property
    def side(self) -> int:
        """Side of the input images in pixels."""
        side = self.vision.config.image_size
        assert isinstance(side, int)
        return side

    def forward(self, pixels: Tensor, tokens: Tensor, attended: Tensor) -> Tensor:
        """Rewards (B,), about -2 to 2, for pixels (B, 3, side, side) and tokens (B, T) with their attention mask (B, T)."""
        image_tokens = self.vision(pixel_values=pixels).last_hidden_state
        text_tokens = self.text(
            input_ids=tokens, attention_mask=attended, encoder_hidden_states=image_tokens
        ).last_hidden_state
        rewards: Tensor = (self.head(text_tokens[:, 0])[:, 0] - MEAN) / STD
        return rewards


def vision_config(state: Mapping[str, Tensor]) -> BlipVisionConfig:
    """The image encoder's configuration, from its weights with timm's names."""
    width, patch = state["cls_token"].shape[-1], state["patch_embed.proj.weight"].shape[-1]
    return BlipVisionConfig(
        hidden_size=width,
        intermediate_size=state["blocks.0.mlp.fc1.weight"].shape[0],
        num_hidden_layers=_count(state, "blocks."),
        num_attention_heads=width // _HEAD_WIDTH,
        image_size=isqrt(state["pos_embed"].shape[1] - 1) * patch,
        patch_size=patch,
        hidden_act="gelu",
        layer_norm_eps=1e-6,
    )


def text_config(state: Mapping[str, Tensor], encoder_width: int) -> BlipTextConfig:
    """The text encoder's configuration, from its weights with BERT's names. encoder_width: of the image encoder."""
    words, places = (state[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
    return BlipTextConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        encoder_hidden_size=encoder_width,
        intermediate_size=state["encoder.layer.0.intermediate.dense.weight"].shape[0],
        num_hidden_layers=_count(state, "encoder.layer."),
        num_attention_heads=words.shape[1] // _HEAD_WIDTH,
        max_position_embeddings=places.shape[0],
        hidden_act="gelu",
        layer_norm_eps=1e-12,
        is_decoder=True,  # adds cross-attention; the attention mask stays bidirectional
    )


def _part(checkpoint: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): weight
        for name, weight in checkpoint.items()
        if name.startswith(prefix) and not name.startswith(_UNUSED)
    }


def _refuse_others(checkpoint: Mapping[str, Tensor]) -> None:
    others = [name for name in checkpoint if not name.startswith((_VISION, _TEXT, _HEAD, *_UNUSED))]
    if others:
        raise KeyError(f"weights of no known part: {', '.join(sorted(others)[:3])}")


def _renamed(name: str) -> str:
    if name.startswith("norm."):  # the last layer norm, outside of the blocks
        return "post_layernorm." + name.removeprefix("norm.")
    for old, new in _RENAMED:
        name = name.replace(old, new)
    return name


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _head(weights: list[Tensor], inputs: int) -> nn.Sequential:
    """Linear layers of these weights' shapes, from the text encoder's width to one number."""
    widths = [inputs, *(weight.shape[0] for weight in weights)]
    if [weight.shape[1] for weight in weights] != widths[:-1] or widths[-1] != 1:
        raise RuntimeError(f"the head maps {[tuple(weight.shape) for weight in weights]} do not follow one another")
    layers = nn.Sequential(*(nn.Identity() for _ in range(_LINEAR[-1] + 1)))  # dropout has no effect in inference
    for place, weight in zip(_LINEAR, weights, strict=True):
        layers[place] = nn.Linear(weight.shape[1], weight.shape[0])
    return layers
