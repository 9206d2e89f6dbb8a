"""A small CLIP tokenizer. Its merges are learned from the world's captions; its alphabet is all bytes, so it encodes any text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTokenizer

BOS, EOS, END = "<|startoftext|>", "<|endoftext|>", "</w>"
CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
LENGTH = 77  # tokens per text
VERSION = "#version: 0.2"  # first line of a file of merges


def learn_merges(captions: list[list[str]], size: int = 1000) -> list[tuple[str, str]]:
    """Learn byte-pair merges from captions, most frequent first, for a vocabulary of at most ``size`` tokens."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=END))
    tokenizer.normalizer = normalizers.Lowercase()
    words = pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True)
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, bytes_])
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=_alphabet(), end_of_word_suffix=END, special_tokens=[], show_progress=False
    )
    tokenizer.train_from_iterator((caption for texts in captions for caption in texts), trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def _alphabet() -> list[str]:
    return sorted(pre_tokenizers.ByteLevel.alphabet())


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """Learn a tokenizer from the captions of a training set, and write ``tokenizer/`` and ``ids.npy`` beside them."""
    captions = json.loads((folder / "captions.json").read_text())
    merges = learn_merges(captions)
    letters = _alphabet()
    words = [*dict.fromkeys([*letters, *(letter + END for letter in letters), *(a + b for a, b in merges)]), BOS, EOS]
    tokenizer = save_tokenizer(folder / "tokenizer", words, merges)
    write_ids(folder, tokenizer)
    return tokenizer


def save_tokenizer(target: Path, words: Sequence[str], merges: Sequence[tuple[str, str]]) -> CLIPTokenizer:
    """Write a tokenizer of these tokens, in the order of their ids, and these merges, and load it."""
    target.mkdir(exist_ok=True)
    (target / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (target / "merges.txt").write_text(f"{VERSION}\n" + "".join(f"{a} {b}\n" for a, b in merges))
    (target / "tokenizer.json").unlink(missing_ok=True)  # it would hold the tokens of before, and be read instead
    return load_tokenizer(target)


def read_tokenizer(target: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The tokens, in the order of their ids, and the merges of a tokenizer's folder."""
    ids: dict[str, int] = json.loads((target / "vocab.json").read_text())
    lines = (target / "merges.txt").read_text().splitlines()
    merges = [(first, second) for first, second in (line.split(" ") for line in lines if line and line != VERSION)]
    return sorted(ids, key=ids.__getitem__), merges


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Load a tokenizer from its folder."""
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=LENGTH)
    return tokenizer


def token_ids(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Token ids (B, 77) of B texts, padded or cut."""
    found = tokenizer(list(texts), padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    ids: Tensor = found.input_ids
    return ids


def write_ids(folder: Path, tokenizer: CLIPTokenizer) -> None:
    """Tokenize all captions of a training set, and write them as ``ids.npy``, (N, captions, 77) uint16."""
    captions = json.loads((folder / "captions.json").read_text())
    flat = [caption for texts in captions for caption in texts]
    ids = tokenizer(flat, padding="max_length", max_length=LENGTH, truncation=True).input_ids
    np.save(folder / "ids.npy", np.array(ids, np.uint16).reshape(len(captions), -1, LENGTH))
