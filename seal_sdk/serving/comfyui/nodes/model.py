"""The node that opens a model."""

from __future__ import annotations

from seal_sdk.serving.comfyui.description import SESSION, Node, Output, choice, flag, text
from seal_sdk.serving.comfyui.host import checkpoint_path, checkpoints
from seal_sdk.serving.comfyui.models import Models, ModelSettings, OpenModel


def model_node(models: Models) -> Node:
    """Opens a model as a session, or finds the one that is open."""

    def run(model: str, path: str = "", **values: str | bool) -> tuple[OpenModel]:
        settings = ModelSettings(path.strip() or checkpoint_path(model), **values)  # type: ignore[arg-type]  # by name
        return (models.open(settings),)

    return Node(
        "SealModel",
        "SeAl: Model",
        "Opens a model once; it stays open for as long as ComfyUI lives. Stable Diffusion XL, 1.5 or 2.1, or 'pocket', the small "
        "embedded model, which needs no download.",
        (
            choice("model", "A checkpoint of ComfyUI's, or 'pocket'.", lambda: ["pocket", *checkpoints()], "pocket"),
            text("path", "A diffusers folder, a hub id or a .safetensors file, in place of the model above."),
            text("store", "Folder or URL of the identities; empty: SEAL_STORE, or your data folder."),
            choice("precision", "Numbers of the model.", lambda: ["auto", "fp32", "fp16", "bf16"], "auto"),
            text("accelerator", "auto, cpu, gpu, cuda:N or mps.", "auto"),
            flag("low_memory", "Keep it on the accelerator only while it runs."),
            text("config", "Folder or hub id whose configuration a .safetensors file is read with.", optional=True),
            text("controlnet", "Folder or hub id of a ControlNet or T2I-Adapter.", optional=True),
        ),
        (Output("session", SESSION),),
        run,
    )
