"""A subject in the denoising loop: what its references give, and where it may be in the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from seal_sdk.generation.forward import Grid, LayerInfusion
from seal_sdk.generation.subject_tokens import SubjectTokens
from seal_sdk.generation.subjects import LayerTokens
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents


@dataclass(frozen=True, eq=False)
class SubjectInfusion:
    """One subject of one image. All that is an index is known before the loop.

    name: of its identity. reference: its latents, as the prompt would have them. tokens: the reference's, that layers match with.
    grids: layer name -> (rows, columns) of the reference. places: layer name -> (Nk,), where the matched tokens are in them.
    targets: layer name -> (Nt,), the image's tokens that may be infused; None for all. searched: whether those of them are infused that
    look like the subject, since nobody knows where it is. retention: layer name -> (Nk,) in [0, 1], how much of each token's look the
    prompt leaves; None: all of it.
    """

    name: str
    reference: ReferenceLatents
    tokens: SubjectTokens
    grids: Mapping[str, Grid]
    places: Mapping[str, Tensor]
    targets: LayerTokens = None
    searched: bool = False
    retention: LayerTokens = None

    def layers(self, timestep: float) -> dict[str, LayerInfusion]:
        """Layer name -> what it takes at a timestep."""
        return {
            name: LayerInfusion(
                read.tokens,
                self.places[name],
                self.grids[name],
                None if self.targets is None else self.targets[name],
                read.whole if self.searched else None,
                None if self.retention is None else self.retention[name],
            )
            for name, read in self.tokens(timestep).items()
        }
