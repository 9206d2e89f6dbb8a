"""Training-free structure control: Ctrl-X's feature and attention injection (Lin et al., NeurIPS 2024, arXiv 2406.07540).

A structure row, the structure image's latents noised to the current level, runs in the same batch. The output of some modules (in
Ctrl-X the first ResNet of ``up_blocks.0``), and Q and K of every self-attention of some blocks (``up_blocks.0``), are replaced by the
structure row's in the generation and appearance rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from seal_sdk.backbone.base import Backbone, Change, SelfAttention
from seal_sdk.backbone.control import ControlArguments
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.config import BLOCKS, Structure
from seal_sdk.errors import UnsupportedModel
from seal_sdk.generation.forward import APPEARANCE, GENERATION, STRUCTURE, CurrentForward, Forward
from seal_sdk.generation.structure import AlignedStructure
from seal_sdk.generation.structure_sources.source import (
    EncodedStructure,
    StructureContext,
    StructureGuide,
    StructureRow,
    StructureSource,
)


class Injection(StructureSource):
    """The structure image runs along as a row, whose features the other rows take."""

    def check_images(
        self, backbone: Backbone, settings: tuple[Structure, ControlArguments], images: Sequence[Any]
    ) -> None:
        """Raise UnsupportedModel, if there is an image, where the model lacks a named module or block."""
        super().check_images(backbone, settings, images)
        structure, _ = settings
        if images:
            _places(backbone, structure)

    def encode(
        self, backbone: Backbone, structure: AlignedStructure, settings: tuple[Structure, ControlArguments]
    ) -> EncodedStructure:
        """The image's latents."""
        return EncodedStructure(latents=backbone.encode_image(structure.image))

    def guide(self, context: StructureContext) -> StructureGuide:
        """A row of the image's latents, with noise of its own from the image's generator."""
        latents, generator = context.encoded.latents, context.generator
        assert latents is not None
        noise = torch.randn(latents.shape, generator=generator, dtype=torch.float32, device=generator.device)
        return StructureGuide(row=StructureRow(latents, noise.to(latents), context.conditioning))

    def install(self, hooks: Hooks, backbone: Backbone, current: CurrentForward, structure: Structure) -> None:
        """See `install_injection`."""
        install_injection(hooks, backbone, current, structure)


SOURCE = Injection()


def install_injection(hooks: Hooks, backbone: Backbone, current: CurrentForward, structure: Structure) -> None:
    """Register the injection on the model; it acts in forwards that have a structure row and ``inject > 0``.

    structure: its features and attention are named (`settings.structure_for`). Raises UnsupportedModel where the model lacks one.
    """
    modules, layers = _places(backbone, structure)
    inject = _injection(current, structure.features or ())
    for module in modules:
        hooks.after(module, inject)
    for layer in layers:
        layer.after("query", hooks, inject)
        layer.after("key", hooks, inject)


def _places(backbone: Backbone, structure: Structure) -> tuple[list[nn.Module], list[SelfAttention]]:
    """The named modules, and the layers of the named blocks."""
    attention = structure.attention or ()
    layers = backbone.self_attention_layers(BLOCKS) if attention else ()
    blocks = {layer.group for layer in layers}
    unknown = sorted(set(attention) - blocks)
    if unknown:
        raise UnsupportedModel(
            f"Structure(attention={attention}): this model has no {', '.join(unknown)}; its blocks with self-attention are "
            f"{sorted(blocks)}. Name some of these, or leave features and attention out for what suits the model."
        )
    return backbone.feature_modules(structure.features or ()), [each for each in layers if each.group in attention]


def _injection(current: CurrentForward, features: tuple[str, ...]) -> Change:
    def inject(output: Tensor) -> Tensor | None:
        if not any(forward.inject for forward in current.images):
            return None
        if not isinstance(output, Tensor):
            raise UnsupportedModel(
                f"Structure(features={features}): one of these modules gives a {type(output).__name__}, not a tensor; "
                "name ResNets, or other modules of one output."
            )
        return current.join(
            [_inject(forward, own) for forward, own in zip(current.images, current.split(output), strict=True)]
        )

    return inject


def _inject(forward: Forward, output: Tensor) -> Tensor:
    """One image's rows (R, ...), with its structure row's features in those that follow it."""
    if not forward.inject:
        return output
    (source,) = forward.indices(STRUCTURE)
    injected = output.clone()
    for row in forward.indices(GENERATION, APPEARANCE):
        injected[row] = output[row].lerp(output[source], forward.inject)
    return injected
