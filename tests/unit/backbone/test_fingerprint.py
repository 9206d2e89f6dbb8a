"""What a model is, by content."""

from __future__ import annotations

import pytest
import torch

from seal_sdk.backbone.loading import load_backbone

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_pipeline_is_the_same_model_in_memory_and_loaded_from_its_folder(tiny_pipeline, tmp_path, dtype):
    pipe = tiny_pipeline().to(dtype=dtype)
    pipe.save_pretrained(tmp_path / "model")
    precision = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype]
    loaded = load_backbone(tmp_path / "model", "cpu", precision)
    assert loaded.fingerprint() == load_backbone(pipe).fingerprint()


@pytest.mark.parametrize("dtype", DTYPES[1:], ids=str)
def test_a_model_of_another_dtype_is_another_model(tiny_pipeline, dtype):
    pipe = tiny_pipeline()
    before = load_backbone(pipe).fingerprint()
    after = load_backbone(pipe.to(dtype=dtype)).fingerprint()
    parts = ("unet", "vae", "text_encoder", "text_encoder_2")
    assert all(before[part] != after[part] for part in parts)
