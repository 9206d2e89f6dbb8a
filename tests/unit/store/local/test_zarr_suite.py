"""zarr-python's own tests for stores, on the read-only view: every way to read, list and measure keys.

The suite fills the store that it tests; here each value becomes a blob and its key one of the manifest's chunks.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from zarr.core.buffer import Buffer, cpu
from zarr.testing.store import StoreTests

from store import IdentityStore
from store.format.layout import Layout
from store.local.zarr_view import IdentityView


class FilledView(IdentityView):
    """The view with an empty manifest that can be added to."""

    supports_writes = supports_deletes = True

    def __init__(self, layout: Layout, chunks: dict, *, read_only: bool = False) -> None:
        manifest = SimpleNamespace(chunks=chunks, arrays=(), timesteps=(), attributes={}, recipe={})
        super().__init__(layout, "0" * 64, manifest)  # type: ignore[arg-type]
        self._metadata.clear()
        self._read_only = read_only

    async def set(self, key: str, value: Buffer) -> None:
        self._check_writable()
        self.add(key, value)

    async def delete(self, key: str) -> None:
        self._check_writable()
        self._manifest.chunks.pop(key, None)  # type: ignore[attr-defined]

    def add(self, key: str, value: Buffer) -> None:
        self._manifest.chunks[key] = self._blobs.add(value.to_bytes())  # type: ignore[index]

    def with_read_only(self, read_only: bool = False) -> FilledView:
        return FilledView(self._layout, self._manifest.chunks, read_only=read_only)  # type: ignore[arg-type]


class TestIdentityView(StoreTests[FilledView, cpu.Buffer]):
    store_cls = FilledView
    buffer_cls = cpu.Buffer

    async def set(self, store: FilledView, key: str, value: Buffer) -> None:
        store.add(key, value)

    async def get(self, store: FilledView, key: str) -> Buffer:
        path = store._layout.blob(store._manifest.chunks[key].xxh3_128)
        return self.buffer_cls.from_bytes(path.read_bytes())

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path, quick_disk: None) -> dict[str, Any]:
        return {"layout": IdentityStore(tmp_path)._layout, "chunks": {}}

    def test_store_repr(self, store: FilledView) -> None:
        assert repr(store) == f"IdentityView('seal://{store._layout.root}#{'0' * 12}')"

    def test_store_supports_writes(self, store: FilledView) -> None:
        assert not IdentityView.supports_writes

    def test_store_supports_listing(self, store: FilledView) -> None:
        assert store.supports_listing
