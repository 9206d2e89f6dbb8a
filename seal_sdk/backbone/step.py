"""What the hooks inside the UNet know of the forward that is running: set by the loop, read by structure and infusion."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

UNCOND, GENERATION, APPEARANCE, STRUCTURE = "uncond", "generation", "appearance", "structure"


@dataclass(frozen=True)
class LayerInfusion:
    """One layer's share of the infusion of one image at one step.

    key, value: (Nk, C) tokens of the reference. sources: (Nk,) bool, the reference's subject tokens, or None for all.
    positions: (Nk,) where the stored tokens are in the reference's grid, None where all are stored. tokens: how many that grid has.
    kept: (Nk,) in [0, 1], how much of each token's look the text leaves as it is, None for all of it.
    targets: (Nq,) bool, the tokens that may be infused, or None where no structure image says where the subject is.
    """

    key: Tensor
    value: Tensor
    sources: Tensor | None
    targets: Tensor | None
    positions: Tensor | None
    tokens: int
    kept: Tensor | None = None


@dataclass(frozen=True)
class Projections:
    """What one self-attention layer makes of the image's rows: query, key and value, (B, N, C) each."""

    query: Tensor
    key: Tensor
    value: Tensor


@dataclass(frozen=True)
class TokenMatches:
    """One layer's matches with the ``role``-th identity of the image in one forward.

    targets, sources: (Nt,) tokens of image and reference. similarity: (Nt,) cosines.
    tokens, source_tokens: how many tokens image and reference have.
    """

    layer: str
    targets: Tensor
    sources: Tensor
    similarity: Tensor
    tokens: int
    source_tokens: int
    role: int = 0


@dataclass(frozen=True)
class Correspondence:
    """How alike the tokens of the generation row and an identity's are, over the layers of one grid.

    likeness: (tokens, Nk), summed over layers, with the reference's tokens ``sources``, (Nk,) (`method.likeness`). best:
    (tokens,), summed as well, the best cosine of each query with them, which tau gates. layers: (tokens,) how many layers
    took each for the subject. tokens, source_tokens: how many tokens image and reference have.
    """

    likeness: Tensor
    best: Tensor
    layers: Tensor
    sources: Tensor
    source_tokens: int

    @property
    def tokens(self) -> int:
        return len(self.layers)

    def __add__(self, other: Correspondence) -> Correspondence:
        return replace(
            self,
            likeness=self.likeness + other.likeness,
            best=self.best + other.best,
            layers=self.layers + other.layers,
        )


@dataclass
class Forward:
    """One UNet forward of one image: its rows in order, and what may be done to them.

    inject: share of the structure row's features that the other rows take, 0 for none.
    infusion: per layer name, one per identity; empty when nothing is infused. tau, delta, detail: the step's. coverage
    collects, per layer, the share of tokens infused; matches, where needed, which tokens of the generation row were
    matched with which; correspondences, where details are transferred, what is alike, by identity and number of tokens.
    """

    rows: tuple[str, ...]
    inject: float = 0.0
    infusion: dict[str, tuple[LayerInfusion, ...]] = field(default_factory=dict)
    tau: float = 0.0
    delta: float = 0.0
    detail: float = 0.0
    coverage: list[Tensor] = field(default_factory=list)
    matches: list[TokenMatches] | None = None
    correspondences: dict[int, dict[int, Correspondence]] = field(default_factory=dict)

    def indices(self, *names: str) -> list[int]:
        """Batch indices of the named rows that are present."""
        return [index for index, row in enumerate(self.rows) if row in names]


class Stage:
    """Holds the running forward for the hooks; None outside of a forward."""

    def __init__(self) -> None:
        self.forward: Forward | None = None
