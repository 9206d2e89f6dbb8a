"""What measured times depend on besides the task: device, precision, threads, versions."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def machine_facts(pipe: Any) -> dict[str, Any]:
    """Plain JSON about a pipeline of diffusers and what it runs on."""
    device: torch.device = pipe._execution_device
    return {
        "device": str(device),
        "device_name": _device_name(device),
        "precision": str(pipe.unet.dtype).removeprefix("torch."),
        "unet_parameters": sum(each.numel() for each in pipe.unet.parameters()),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "diffusers", "seal-sdk")},
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
