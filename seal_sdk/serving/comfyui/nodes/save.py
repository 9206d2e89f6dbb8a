"""The node that saves images with their settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from seal_sdk.errors import InputError
from seal_sdk.images.png_settings import KEY
from seal_sdk.serving.comfyui.description import Input, Node, link, text
from seal_sdk.serving.comfyui.host import keeps_workflows, output_path
from seal_sdk.serving.comfyui.tensors import pictures

COMPRESSION = 4  # as ComfyUI's own


def save_node() -> Node:
    """Saves images with their settings."""
    return Node(
        "SealSave",
        "SeAl: Save",
        "Saves PNG files that carry their settings, for `seal show` and `seal explain`, beside ComfyUI's own workflow.",
        (
            link("images", "IMAGE", "As SeAl: Draw drew them."),
            Input("settings_text", "STRING", {"tooltip": "Of SeAl: Draw."}, linked=True),
            text("filename_prefix", "As in Save Image.", "seal"),
        ),
        (),
        _run,
        saves=True,
    )


def _run(
    images: Tensor, settings_text: str, filename_prefix: str, prompt: Any = None, extra_pnginfo: Any = None
) -> dict[str, Any]:
    drawn, settings = pictures(images, "images"), _read(settings_text)
    if len(drawn) != len(settings):
        raise InputError(f"{len(drawn)} images and settings of {len(settings)}: link both from the same SeAl: Draw.")
    height, width = drawn[0].shape[1:]
    folder, name, counter, subfolder = output_path(filename_prefix, (width, height))
    workflow = _workflow(prompt, extra_pnginfo) if keeps_workflows() else {}
    saved = []
    for number, (image, each) in enumerate(zip(drawn, settings, strict=True)):
        file = f"{name.replace('%batch_num%', str(number))}_{counter + number:05}_.png"
        _save(image, Path(folder) / file, {**workflow, KEY: each})
        saved.append({"filename": file, "subfolder": subfolder, "type": "output"})
    return {"ui": {"images": saved}}


def _read(settings_text: str) -> list[Any]:
    try:
        settings = json.loads(settings_text)
    except ValueError as error:
        raise InputError(f"settings_text is no JSON ({error}): link it from SeAl: Draw.") from error
    return settings if isinstance(settings, list) else [settings]


def _workflow(prompt: Any, extra_pnginfo: Any) -> dict[str, Any]:
    """What Save Image writes, by the same names."""
    return {**({} if prompt is None else {"prompt": prompt}), **(extra_pnginfo or {})}


def _save(image: Tensor, path: Path, texts: dict[str, Any]) -> None:
    info = PngInfo()
    for name, value in texts.items():
        written = json.dumps(value, sort_keys=name == KEY)
        info.add_itxt(name, written) if name == KEY else info.add_text(name, written)
    pixels = (image[:3].permute(1, 2, 0).numpy() * 255).round().astype("uint8")
    Image.fromarray(pixels).save(path, pnginfo=info, compress_level=COMPRESSION)
