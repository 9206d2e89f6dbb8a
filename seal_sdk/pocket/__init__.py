"""Pocket: a very small diffusion model of SDXL's architecture, and the procedural world it is trained on."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PIPELINE_FOLDER = ASSETS / "pipeline"
SAM_WEIGHTS = ASSETS / "sam.safetensors"
IMAGE_SIZE = 128
