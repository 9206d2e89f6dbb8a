"""What a session holds: the model, the segmenter, the store and the caches. Whoever uses the model has it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError
from seal_sdk.generation import InputCache
from seal_sdk.identity import Identity, Library
from seal_sdk.kv_cache import KeyValueCache
from seal_sdk.memory import MemoryReport, PeakMeter, measure
from seal_sdk.segmentation import SubjectSegmenter, load_segmenter
from store import IdentityStore


class SessionResources:
    """The resources of one session, until it is closed.

    store: the identities. subject: who finds the subject, as of `IdentitySession`. low_memory: whether the segmenter is in memory only
    while it looks.
    """

    def __init__(
        self,
        store: IdentityStore,
        model: UNetBackbone,
        subject: str | SubjectSegmenter,
        cache: KeyValueCache,
        low_memory: bool,
    ) -> None:
        self.store, self._subject, self._low_memory = store, subject, low_memory
        self._cache, self._input_cache, self._peaks = cache, InputCache(), PeakMeter()
        self._model: UNetBackbone | None = model
        self._in_use: Identity | None = None

    @property
    def pipe(self) -> Any:
        """Diffusers' pipeline; None once the session is closed."""
        return None if self._model is None else self._model.pipe

    @property
    def backbone(self) -> UNetBackbone:
        """The model behind its protocol (:mod:`seal_sdk.backbone`). Raises ConfigError once the session is closed, by whichever thread."""
        model = self._model
        if model is None:
            raise ConfigError("This session is closed; open a new IdentitySession.")
        return model

    @cached_property
    def segmenter(self) -> SubjectSegmenter:
        """Who finds the subject; loaded when first asked."""
        return load_segmenter(self._subject, self.backbone.device, self._low_memory)

    @property
    def memory(self) -> MemoryReport:
        """What the session takes of memory; print it. Raises ConfigError once the session is closed."""
        return measure(self.backbone, self.__dict__.get("segmenter"), self._cache, self.store, self._peaks)

    @property
    def identities(self) -> Mapping[str, Identity]:
        """Name -> Identity, of everything in the store; opened when looked at."""
        return Library(self.store)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "An IdentitySession holds a model and locks, and cannot be pickled or copied. Send session.state_dict() instead, open an "
            "IdentitySession in the other process, and call load_state_dict() there; the store is shared."
        )

    def close(self) -> None:
        """Let go of the model, once the calls that wait or run are done. The store keeps the identities."""
        model = self._model
        if model is None:
            return
        with model.lock:
            self._model = self._in_use = None
            self._cache.clear()
            self._input_cache.clear()
            self.__dict__.pop("segmenter", None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _exclusive_backbone(self) -> Iterator[UNetBackbone]:
        """The model, which no other thread uses inside."""
        with self.backbone.lock, self._peaks.measured(self.backbone.device):
            yield self.backbone  # it may have been closed while this thread waited
