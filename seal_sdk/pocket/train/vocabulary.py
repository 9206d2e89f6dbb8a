"""More words for a trained model: each new word of the captions becomes one token, with an embedding in both text encoders.

Old tokens keep their ids, and old captions their tokens. A new token's embedding starts as the mean of those that its word was split
into; training does the rest. Ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, pre_tokenizers
from torch import Tensor

from seal_sdk.pocket.train.shipped import START
from seal_sdk.pocket.train.tokenizer import CLIP_WORDS, END, read_tokenizer, save_tokenizer, write_ids

EMBEDDING = "embeddings.token_embedding.weight"
Merge = tuple[str, str]


def grow_vocabulary(folder: Path) -> None:
    """Make every word of the captions in ``folder`` one token, of the tokenizer and of the weights that training starts from.

    The captions are tokenized anew. A second call changes nothing.

    Raises:
        ValueError: If there are no weights to start from, or the UNet's training has begun with the old words.
    """
    start, target = folder / START, folder / "tokenizer"
    if not start.is_file():
        raise ValueError(f"{start} does not exist: run the stage shipped first.")
    tokens, merges = read_tokenizer(target)
    added = merges_for(caption_words(chain.from_iterable(json.loads((folder / "captions.json").read_text()))), merges)
    parts = {first + second: (first, second) for first, second in added if first + second not in tokens}
    if parts and (folder / "unet.pt").is_file():
        raise ValueError(f"{folder / 'unet.pt'} was trained with fewer words: remove it, or take another folder.")
    weights = load_file(start)
    grown = {
        name: _grow(tensor, tokens, parts) if name.endswith(EMBEDDING) else tensor for name, tensor in weights.items()
    }
    save_file(grown, start)  # before the tokenizer: a call that goes on after an interruption finds the rows there
    write_ids(folder, save_tokenizer(target, [*tokens, *parts], [*merges, *added]))


def caption_words(captions: Iterable[str]) -> list[str]:
    """The different words of captions, sorted, split as CLIP's tokenizer splits them."""
    split = pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True)
    texts = {caption.lower() for caption in captions}
    return sorted({word for text in texts for word, _ in split.pre_tokenize_str(text)})


def merges_for(words: Sequence[str], merges: Sequence[Merge]) -> list[Merge]:
    """The merges that, behind the given ones, make each word of letters and digits a single token.

    A word that is one token already stays so: merges are applied in their order, and its own come first.
    """
    ranks = {merge: rank for rank, merge in enumerate(merges)}
    for word in words:
        pieces = _pieces(word, ranks)
        while len(pieces) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
            pieces = _pieces(word, ranks)
    return list(ranks)[len(merges) :]


def _pieces(word: str, ranks: Mapping[Merge, int]) -> list[str]:
    """Byte-pair encoding of a word: of the merges that apply, the first one of the list, from left to right."""
    pieces = [*word[:-1], word[-1] + END]
    while found := [(ranks[pair], index) for index, pair in enumerate(pairwise(pieces)) if pair in ranks]:
        _, index = min(found)
        pieces[index : index + 2] = [pieces[index] + pieces[index + 1]]
    return pieces


def _grow(embedding: Tensor, tokens: Sequence[str], parts: Mapping[str, Merge]) -> Tensor:
    """An embedding (tokens, channels) with rows for more tokens; each is made of two, which may be new as well."""
    if len(embedding) == len(tokens) + len(parts):
        return embedding
    rows = {token: [index] for index, token in enumerate(tokens)}
    for token, (first, second) in parts.items():
        rows[token] = rows[first] + rows[second]
    return torch.cat([embedding, *(embedding[rows[token]].mean(0, keepdim=True) for token in parts)])
