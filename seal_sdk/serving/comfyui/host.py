"""ComfyUI itself, as far as the nodes need it. Outside of it, as in scripts made of workflows, there is nothing to tell."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from PIL import Image

from seal_sdk.errors import ConfigError


def _module(name: str) -> Any:
    """A module of ComfyUI's; None outside of it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.split(".")[0] == error.name.split(".")[0]:
            return None
        raise


def make_room() -> None:
    """Have ComfyUI take its own models off the accelerator. It takes them back as it needs them, where there is room."""
    management = _module("comfy.model_management")
    if management is not None:
        management.unload_all_models()
        management.soft_empty_cache()


def raise_if_interrupted() -> None:
    """Raise ComfyUI's own exception where somebody asked it to stop."""
    management = _module("comfy.model_management")
    if management is not None:
        management.throw_exception_if_processing_interrupted()


def checkpoints() -> list[str]:
    """Names of the ``.safetensors`` files in ComfyUI's folders of checkpoints."""
    folders = _module("folder_paths")
    names: Sequence[str] = [] if folders is None else folders.get_filename_list("checkpoints")
    return [name for name in names if name.endswith(".safetensors")]


def checkpoint_path(name: str) -> str:
    """The file of such a name; any other name as it is."""
    return str(_module("folder_paths").get_full_path_or_raise("checkpoints", name)) if name in checkpoints() else name


def output_path(prefix: str, size: tuple[int, int]) -> tuple[str, str, int, str]:
    """Where to save images (width, height): folder, start of the file's name, next number, and the folder's name within the output.

    Raises ConfigError outside of ComfyUI.
    """
    folders = _module("folder_paths")
    if folders is None:
        raise ConfigError("Saving needs ComfyUI, which knows where to: elsewhere save the images yourself.")
    folder, name, counter, subfolder, _ = folders.get_save_image_path(prefix, folders.get_output_directory(), *size)
    return str(folder), str(name), int(counter), str(subfolder)


def keeps_workflows() -> bool:
    """Whether saved images are to carry their workflow."""
    arguments = _module("comfy.cli_args")
    return arguments is not None and not arguments.args.disable_metadata


class Progress:
    """The bar of the node that is running. total: steps."""

    def __init__(self, total: int) -> None:
        tools, arguments = _module("comfy.utils"), _module("comfy.cli_args")
        self._bar = None if tools is None else tools.ProgressBar(total)
        none = None if arguments is None else arguments.LatentPreviewMethod.NoPreviews
        self._size = None if arguments is None else arguments.args.preview_size
        self.has_previews = arguments is not None and arguments.args.preview_method != none

    def tell(self, done: int, preview: Image.Image | None = None) -> None:
        """So many steps are done."""
        if self._bar is not None:
            self._bar.update_absolute(done, preview=None if preview is None else ("JPEG", preview, self._size))
