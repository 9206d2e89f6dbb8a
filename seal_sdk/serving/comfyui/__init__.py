"""ComfyUI nodes: each is described once (`nodes/`), and published in ComfyUI's V1 and V3 schemas (`v1`, `v3`).

A folder in ``ComfyUI/custom_nodes`` imports the names below; `seal comfyui install` writes it. They load when they are used, so that the
command needs neither torch nor ComfyUI.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {"NODE_CLASS_MAPPINGS": "v1", "NODE_DISPLAY_NAME_MAPPINGS": "v1", "comfy_entrypoint": "v3"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
