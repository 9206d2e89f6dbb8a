"""Checkpoints that are not SAM's, and downloads that cannot be kept."""

from __future__ import annotations

import hashlib
from http.client import IncompleteRead

import pytest
import torch
from safetensors.torch import save_file
from segment_anything import sam_model_registry

from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.pocket.sam import build_sam
from seal_sdk.segmentation import load_sam, weights


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"image_encoder.pos_embed": 5}, {"model": {}}])
def test_files_of_another_shape_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth.*vit_b"):
        load_sam(tmp_path / "other.pth")


def test_an_incomplete_checkpoint_is_refused(tmp_path):
    save_file({"image_encoder.pos_embed": torch.zeros(1, 2, 2, 768)}, tmp_path / "part.safetensors")
    with pytest.raises(ConfigError, match=r"part\.safetensors.*vit_b"):
        load_sam(tmp_path / "part.safetensors")


@pytest.fixture
def tiny_official(tmp_path, monkeypatch):
    """A server folder whose vit_b is a tiny seeded Sam under its true checksum, and an empty cache."""
    torch.manual_seed(0)
    state = build_sam().state_dict()
    server = tmp_path / "server"
    server.mkdir()
    torch.save(state, server / "sam.pth")
    digest = hashlib.sha256((server / "sam.pth").read_bytes()).hexdigest()
    name = f"sam_vit_b_{digest[:6]}.pth"
    (server / "sam.pth").rename(server / name)
    monkeypatch.delenv("SEAL_SAM_WEIGHTS", raising=False)
    monkeypatch.setattr(weights, "user_cache_path", lambda app: tmp_path / "cache")
    monkeypatch.setattr(weights, "OFFICIAL", server.as_uri() + "/")
    monkeypatch.setitem(weights.FILES, "vit_b", name)
    monkeypatch.setitem(weights.WIDTHS, state["image_encoder.pos_embed"].shape[-1], "vit_b")
    monkeypatch.setitem(sam_model_registry, "vit_b", build_sam)
    return server / name


def test_official_weights_are_downloaded_once_and_kept(tiny_official):
    first = load_sam()
    tiny_official.unlink()
    assert load_sam("vit_b").fingerprint == first.fingerprint


def test_a_cache_that_cannot_be_written_says_what_to_do(tiny_official, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(WeightsNotFound, match=r"SEAL_SAM_WEIGHTS.*box="):
        load_sam()


def test_a_connection_that_breaks_says_what_to_do(tiny_official, tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise IncompleteRead(b"")

    monkeypatch.setattr(torch.hub, "download_url_to_file", broken)
    with pytest.raises(WeightsNotFound, match=r"sam_vit_b_.*SEAL_SAM_WEIGHTS.*box="):
        load_sam()


def test_seal_offline_downloads_no_weights(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setattr(weights.torch.hub, "download_url_to_file", lambda *_, **__: pytest.fail("asked for weights"))
    monkeypatch.setenv("SEAL_OFFLINE", "1")
    with pytest.raises(WeightsNotFound, match="SEAL_OFFLINE is set"):
        load_sam("vit_b")
