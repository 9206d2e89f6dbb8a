"""Models that are open: each stays so for as long as ComfyUI lives, whatever workflows come and go."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from seal_sdk.errors import SealError
from seal_sdk.locations import open_identities
from seal_sdk.serving.comfyui.host import make_room
from seal_sdk.serving.preview import LatentPreview
from store import IdentityStore, StoreError

if TYPE_CHECKING:
    from seal_sdk.session import IdentitySession


@dataclass(frozen=True)
class ModelSettings:
    """Which model, in which way: arguments of `IdentitySession`; empty texts are not given."""

    model: str = "pocket"
    store: str = ""
    accelerator: str = "auto"
    precision: str = "auto"
    low_memory: bool = False
    config: str = ""
    controlnet: str = ""

    def open(self) -> IdentitySession:
        """A session. Raises what that raises."""
        from seal_sdk.session import IdentitySession  # diffusers takes seconds, and ComfyUI starts without

        return IdentitySession(
            self.model,
            store=self.store or None,
            accelerator=self.accelerator,
            precision=self.precision,
            low_memory=self.low_memory,
            config=self.config or None,
            controlnet=self.controlnet or None,
            enable_progress_bar=False,
        )


class OpenModel:
    """A session, and what its previews need."""

    def __init__(self, session: IdentitySession) -> None:
        self.session = session

    @cached_property
    def preview(self) -> LatentPreview:
        """The model's. Its lock must be held."""
        return LatentPreview.fit(self.session.backbone)


class Models:
    """One session per model and settings."""

    def __init__(self) -> None:
        self._open: dict[ModelSettings, OpenModel] = {}
        self._lock = Lock()

    def open(self, settings: ModelSettings) -> OpenModel:
        """The session of these settings; loaded the first time. Raises what `IdentitySession` raises."""
        with self._lock:
            if settings not in self._open:
                make_room()
                self._open[settings] = OpenModel(settings.open())
            return self._open[settings]

    def names(self) -> list[str]:
        """Names of the identities in all stores that are known: the default one, and those of open models."""
        return sorted({name for store in self._stores() for name in _names(store)})

    def digests(self, name: str) -> list[str]:
        """Which identities a name stands for, in all stores that are known."""
        return sorted({digest for store in self._stores() if (digest := _digest(store, name))})

    def close(self) -> None:
        """Let go of all models."""
        with self._lock:
            for each in self._open.values():
                each.session.close()
            self._open.clear()

    def _stores(self) -> list[IdentityStore]:
        """Those of open models, and the default one where it can be opened; looking creates none."""
        stores = [each.session.store for each in list(self._open.values())]
        with suppress(StoreError, SealError, OSError):
            stores.append(open_identities(None, create=False))
        return stores


def _names(store: IdentityStore) -> list[str]:
    """None of a store that cannot be read, say for want of a network: ComfyUI lists its nodes all the same."""
    try:
        return [info.name for info in store.identities() if info.name]
    except (StoreError, OSError):
        return []


def _digest(store: IdentityStore, name: str) -> str | None:
    try:
        return store.resolve(name).digest
    except (StoreError, OSError):
        return None
