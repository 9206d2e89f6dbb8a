"""Tiny seeded models of the paper's metrics, written to folders in the layouts that the real checkpoints have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import open_clip
import tiny
import torch
from PIL import Image
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    ViTConfig,
    ViTModel,
)

HPS_ARCHITECTURE = "seal-tiny"
PROMPT = "a photo of a tiger on snow"
_TOWER = dict(hidden_size=32, intermediate_size=48, num_attention_heads=4, num_hidden_layers=2)

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and standard deviation
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


def picture(seed: int = 0, size: tuple[int, int] = (48, 40)) -> Image.Image:
    """Smooth random colours: how they are resized hardly matters."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def score(scorer, image=None, reference=None, structure=None, prompt=PROMPT) -> float:  # type: ignore[no-untyped-def]
    """What a scorer says of pictures, each its own where none is given."""
    return scorer.score(image or picture(1), reference or picture(2), structure or picture(3), prompt)


def pixels(image: Image.Image, side: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """(1, 3, side, side) of an image that has this size already, normalised."""
    assert image.size == (side, side)
    return ((torch.tensor(np.array(image)) / 255 - torch.tensor(mean)) / torch.tensor(std)).permute(2, 0, 1)[None]


def clip(folder: Path, seed: int = 0) -> Path:
    """As transformers saves CLIP: images of 32 px, single bytes as vocabulary."""
    folder.mkdir()
    torch.manual_seed(seed)
    text = dict(_TOWER, vocab_size=514, bos_token_id=512, eos_token_id=513, pad_token_id=513)
    vision = dict(_TOWER, image_size=32, patch_size=8)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).save_pretrained(folder)
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(images, tiny.tokenizer(folder)).save_pretrained(folder)
    return folder


def dino(folder: Path, seed: int = 0) -> Path:
    """As transformers saves DINO's ViT: images of 28 px."""
    torch.manual_seed(seed)
    config = ViTConfig(**_TOWER, image_size=28, patch_size=4)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def hps(file: Path, seed: int = 0) -> Path:
    """As HPSv2's checkpoint: {"state_dict": ...} in half precision, of an architecture that open_clip knows afterwards."""
    tower = dict(width=32, layers=2)
    config = {
        "embed_dim": 16,
        "vision_cfg": dict(tower, image_size=28, head_width=8, patch_size=7),
        "text_cfg": dict(tower, context_length=77, vocab_size=49408, heads=4),
    }
    described = file.with_name(f"{HPS_ARCHITECTURE}.json")
    described.write_text(json.dumps(config))
    open_clip.add_model_config(described)
    torch.manual_seed(seed)
    state = open_clip.CLIP(**config).state_dict()
    torch.save({"epoch": 1, "state_dict": {name: weight.half() for name, weight in state.items()}}, file)
    return file


def image_reward(folder: Path, seed: int = 0) -> Path:
    """ImageReward.pt under its authors' names, images of 32 px, and BERT's files with letters as vocabulary."""
    folder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    torch.save(image_reward_state(vocabulary=len(words) + 2, seed=seed), folder / "ImageReward.pt")
    return folder


def image_reward_state(vocabulary: int, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of its authors' modules: two heads of 64 channels, two layers each."""
    wide, seen, inner, generator = 128, 192, 160, torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, seen), "pos_embed": (1, 17, seen)}
    shapes |= {"patch_embed.proj.weight": (seen, 3, 8, 8), "patch_embed.proj.bias": (seen,)} | _norm("norm", seen)
    for block in ("blocks.0", "blocks.1"):
        shapes |= _norm(f"{block}.norm1", seen) | _norm(f"{block}.norm2", seen)
        shapes |= _linear(f"{block}.attn.qkv", seen, 3 * seen) | _linear(f"{block}.attn.proj", seen, seen)
        shapes |= _linear(f"{block}.mlp.fc1", seen, inner) | _linear(f"{block}.mlp.fc2", inner, seen)
    shapes = {f"blip.visual_encoder.{name}": shape for name, shape in shapes.items()}
    text: dict[str, tuple[int, ...]] = {"embeddings.word_embeddings.weight": (vocabulary, wide)}
    text |= {"embeddings.position_embeddings.weight": (64, wide)} | _norm("embeddings.LayerNorm", wide)
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for attention, source in (("attention", wide), ("crossattention", seen)):
            text |= _linear(f"{layer}.{attention}.self.query", wide, wide)
            text |= _linear(f"{layer}.{attention}.self.key", source, wide)
            text |= _linear(f"{layer}.{attention}.self.value", source, wide)
            text |= _linear(f"{layer}.{attention}.output.dense", wide, wide)
            text |= _norm(f"{layer}.{attention}.output.LayerNorm", wide)
        text |= _linear(f"{layer}.intermediate.dense", wide, inner) | _linear(f"{layer}.output.dense", inner, wide)
        text |= _norm(f"{layer}.output.LayerNorm", wide)
    shapes |= {f"blip.text_encoder.{name}": shape for name, shape in text.items()}
    shapes |= _linear("blip.vision_proj", seen, 16) | _linear("blip.text_proj", wide, 16)
    for place, (inputs, outputs) in zip(
        (0, 2, 4, 6, 7), ((wide, 40), (40, 24), (24, 12), (12, 6), (6, 1)), strict=True
    ):
        shapes |= _linear(f"mlp.layers.{place}", inputs, outputs)
    state = {name: _draw(name, shape, generator) for name, shape in shapes.items()}
    return state | {"blip.text_encoder.embeddings.position_ids": torch.arange(64)[None]}


def _draw(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Weights that let what comes in go on at about its size, so that the reward depends on all of it."""
    noise = torch.randn(shape, generator=generator)
    if "norm" in name.lower() and name.endswith("weight"):
        return 1 + 0.2 * noise
    return 0.2 * noise if len(shape) == 1 else noise / (1 if "embed" in name else noise[0].numel() ** 0.5)


def dreamsim_stand_in(calls: list[tuple[object, ...]]) -> ModuleType:
    """Called as DreamSim's package (0.2.1) is, which the tests do not install; the distance is the mean difference."""

    def dreamsim(
        pretrained: bool = True,
        device: str = "cuda",
        cache_dir: str = "./models",
        normalize_embeds: bool = True,
        dreamsim_type: str = "ensemble",
        use_patch_model: bool = False,
    ) -> tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Image.Image], Tensor]]:
        print("Using cached", cache_dir)
        torch.hub.set_dir(cache_dir)
        calls.append((pretrained, device, cache_dir, dreamsim_type))

        def prepare(image: Image.Image) -> Tensor:
            return torch.tensor(np.array(image.convert("RGB").resize((8, 8)))).permute(2, 0, 1)[None] / 255

        return lambda one, other: (one - other).abs().mean((1, 2, 3)), prepare

    module = ModuleType("dreamsim")
    module.dreamsim = dreamsim  # type: ignore[attr-defined]
    return module


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
