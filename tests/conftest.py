"""Shared fixtures. What needs torch is loaded where a fixture is used, so that the store's tests run without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from PIL import Image

import store.files

if TYPE_CHECKING:
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTokenizer


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs that cost nothing: durability is the matter of the fault tests."""
    monkeypatch.setattr(store.files, "sync_data", lambda descriptor: None)
    monkeypatch.setattr(store.files, "sync_directory", lambda path: None)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks the hub: what is not here is missing at once."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny models gain nothing of more threads, and wait for one another's where the machine is busy."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory) -> CLIPTokenizer:
    import tiny

    return tiny.tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def tiny_pipeline(tiny_tokenizer) -> Callable[..., StableDiffusionXLPipeline]:
    """tiny_pipeline(seed=0): a new pipeline of SDXL's architecture, 128 px, VAE factor 4, random weights of that seed."""
    import tiny

    return partial(tiny.pipeline, tiny_tokenizer)


@pytest.fixture(scope="session")
def reference_image() -> Image.Image:
    """A photo of the embedded model's world, 128x128."""
    from seal_sdk.pocket import world

    sample = world.sample(500_000)
    return Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image)


@pytest.fixture(scope="session")
def structure_image() -> Image.Image:
    """A mesh of another pose of that species, 128x128."""
    from seal_sdk.pocket import world

    sample = world.sample(500_000)
    other = next(
        s for seed in range(500_001, 500_100) if (s := world.sample(seed)).identity.species == sample.identity.species
    )
    return Image.fromarray(world.render(other.identity, other.pose, other.scene, kind="mesh").image)
