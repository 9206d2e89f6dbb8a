"""The tokens that a subject's references give to each layer: chosen before the loop, made ready once per cached timestep. Ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from seal_sdk.backbone.base import KeyValue
from seal_sdk.generation.forward import WholeReference
from seal_sdk.generation.subjects import KeyValues, LayerTokens
from seal_sdk.method.infusion import ReferenceTokens


@dataclass(frozen=True, eq=False)
class LayerReference:
    """What one layer has of the references at one cached timestep.

    tokens: those that are matched, of the subject or all. whole: all of them, where ``tokens`` are the subject's.
    """

    tokens: ReferenceTokens
    whole: WholeReference | None = None


class SubjectTokens:
    """The reference tokens of one subject. All images of a call that show it share them.

    key_values: of the references, all stored tokens. sources: layer name -> (stored tokens,) bool, those of the subject; None for all.
    layers: the names of those that are infused; more may be stored.
    """

    def __init__(self, key_values: KeyValues, sources: LayerTokens, layers: Iterable[str]) -> None:
        self._key_values, self._layers = key_values, tuple(layers)
        self._masks = sources or {}
        self._sources = {name: mask.nonzero().squeeze(1) for name, mask in self._masks.items()}
        self._read: Mapping[str, KeyValue] | None = None
        self._made: dict[str, LayerReference] = {}

    def __call__(self, timestep: float) -> Mapping[str, LayerReference]:
        """Layer name -> its tokens at a timestep; the same objects as long as the cached timestep is the same."""
        read = self._key_values(timestep)
        if read is not self._read:
            self._made.clear()  # before new ones are made, so that there are never two
            self._made = {name: self._make(name, read[name]) for name in self._layers}
            self._read = read
        return self._made

    def select(self, per_token: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of something of each stored token, layer by layer, that of the tokens that are matched."""
        return {
            name: values[self._sources[name]] if name in self._sources else values for name, values in per_token.items()
        }

    def _make(self, name: str, pair: KeyValue) -> LayerReference:
        whole = ReferenceTokens(*pair)
        if name not in self._sources:
            return LayerReference(whole)
        return LayerReference(whole.select(self._sources[name]), WholeReference(whole, self._masks[name]))
