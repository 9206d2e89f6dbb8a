"""The phases of registering and of generating: which functions of the product belong to which."""

from __future__ import annotations

from collections.abc import Sequence

from seal_sdk.backbone.sampler import DiffusersSampler
from seal_sdk.evaluation.cost.stopwatch import Target
from seal_sdk.generation import denoise, infusion_hooks, prompt_edits, structure, subject_planner
from seal_sdk.kv_cache import KeyValueReader
from seal_sdk.session import IdentitySession

LOOP = "denoising loop"
REST = "other"
"""What is in no phase."""


def register_phases(session: IdentitySession) -> Sequence[Target]:
    """Of ``session.register``. "capture" is the UNet with what keeps its keys and values, "store write" what becomes of them."""
    return [
        *_models(session),
        Target("capture", session.backbone, "predict"),
        Target("store write", session.store, "put"),
    ]


def generate_phases(session: IdentitySession) -> Sequence[Target]:
    """Of ``session.generate``. "unet" is the UNet without matching and blending, but with the structure's injection.

    "prompt edits" are whole, with the UNet rows that read the prompt's words in the reference.
    """
    return [
        *_models(session),
        Target("align", structure.StructureAligner, "align"),
        Target("store read", KeyValueReader, "__call__"),
        Target("prompt edits", prompt_edits.ReferenceReader, "find_probes", undivided=True),
        Target("prompt edits", subject_planner, "edit_reference", undivided=True),
        Target("unet", session.backbone, "predict"),
        Target("match and blend", infusion_hooks._LayerHooks, "_blend"),
        Target("latent transfer", denoise, "transfer"),
        Target("guidance", denoise, "guide"),
        Target("scheduler", DiffusersSampler, "step"),
        Target("scheduler", DiffusersSampler, "model_input"),
        Target("decode", session.backbone, "decode"),
        loop_target(),
    ]


def loop_target() -> Target:
    """The denoising loop as a whole."""
    return Target(LOOP, denoise.DenoisingLoop, "run")


def sam_target(session: IdentitySession) -> Target:
    """The subject finder."""
    return Target("sam", session.segmenter, "find")


def store_targets(session: IdentitySession) -> Sequence[Target]:
    """What the store's own work takes: writing, and waiting for what is read."""
    return [Target("store", session.store, "put"), Target("store", KeyValueReader, "__call__")]


def _models(session: IdentitySession) -> Sequence[Target]:
    return [
        sam_target(session),
        Target("vae encode", session.backbone, "encode_image"),
        Target("text", session.backbone, "encode_prompt"),
        Target("text", session.backbone, "encode_prompt_pair"),
        Target("weights' hash", session.backbone, "fingerprint"),
    ]
