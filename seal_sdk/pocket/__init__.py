"""Pocket, the embedded model: a very small diffusion model of SDXL's architecture, and a segmenter.

The package also holds the procedural world that both are trained on, and the training itself.
"""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PIPELINE_FOLDER = ASSETS / "pipeline"
CONTROLNET_FOLDER = ASSETS / "controlnet"
IP_ADAPTER_FOLDER = ASSETS / "ip_adapter"
IP_ADAPTER_FILE = "ip-adapter_sdxl.safetensors"
SAM_WEIGHTS = ASSETS / "sam.safetensors"
IMAGE_SIZE = 128  # pixels
