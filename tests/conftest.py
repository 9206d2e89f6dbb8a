"""Shared fixtures. What needs torch is loaded where a fixture is used, so that the store's tests run without it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pytest
from fixtures.disk_faults import skip_syncs
from PIL import Image

if TYPE_CHECKING:
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTokenizer

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models gain nothing of more threads; tests run side by side


@pytest.fixture
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syncs cost nothing. Only the fault tests are about durability."""
    skip_syncs(monkeypatch)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks the hub: what is not here is missing at once."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory) -> CLIPTokenizer:
    from fixtures import tiny

    return tiny.tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def tiny_pipeline(tiny_tokenizer) -> Callable[..., StableDiffusionXLPipeline]:
    """tiny_pipeline(seed=0): a new pipeline of SDXL's architecture, 128 px, VAE factor 4, random weights of that seed."""
    from fixtures import tiny

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
