"""Opening a store's folder: checking its version, or creating it."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from ..errors import StoreFormatError, StoreNotFound
from ..format.layout import MAGIC, VERSION, Layout, format_line, is_hex
from . import disk

_HARMLESS = ("FORMAT", "tmp", "lost+found")  # in a store that another process is creating, or on a fresh disk


def open_layout(root: Path, *, create: bool) -> Layout:
    """Check the version of the store in ``root``, or create a store in an empty or missing folder.

    Raises:
        StoreNotFound: There is no store, and ``create`` is False.
        StoreFormatError: The folder holds something else, or a store of a newer version.
        StoreReadOnly: The folder cannot be written.
        StoreFull: The disk has no space left.
    """
    layout = Layout(root)
    foreign = _foreign_files(layout)  # before FORMAT is read, because another process may be creating the store
    text = disk.read(layout.format)
    if text is not None:
        _check_version(layout, text)
    elif create:
        _create(layout, foreign)
    else:
        raise StoreNotFound(f"there is no store in {root}: register an identity there first, or name another folder")
    return layout


def list_digests(
    folder: Path, length: int, suffix: str = "", *, excluding: Container[str] = (), shard: str | None = None
) -> list[str]:
    """Sorted digests of ``length`` hex digits whose files lie in ``folder/ab/``. Other files are ignored.

    ``shard`` names the one subfolder to look into. None looks into all.
    """
    shards = [shard] if shard else [name for name in disk.names(folder, directories=True) if is_hex(name, 2)]
    found = [
        (shard, digest)
        for shard in shards
        for name in disk.names(folder / shard)
        if (digest := name.removesuffix(suffix)) not in excluding and name.endswith(suffix)
    ]
    return [digest for shard, digest in found if is_hex(digest, length) and digest.startswith(shard)]


def _create(layout: Layout, foreign: list[str]) -> None:
    if disk.is_file(layout.root):
        raise StoreFormatError(f"{layout.root} is a file, not a folder: choose another folder for the store")
    if foreign:
        raise StoreFormatError(
            f"{layout.root} holds other files ({foreign[0]!r}) and no FORMAT: choose an empty folder for the store"
        )
    disk.publish(layout.format, format_line(), tmp=layout.tmp)


def _foreign_files(layout: Layout) -> list[str]:
    entries = disk.names(layout.root) + disk.names(layout.root, directories=True)
    return [name for name in entries if name not in _HARMLESS and not name.startswith(".")]


def _check_version(layout: Layout, text: bytes) -> None:
    if text == format_line():
        return
    words = text.decode("ascii", "replace").split()
    if len(words) == 2 and words[0] == MAGIC and words[1].isdigit() and int(words[1]) > VERSION:
        raise StoreFormatError(
            f"the store in {layout.root} has layout version {words[1]}, this version reads {VERSION}: "
            "upgrade, or choose another store; nothing was changed"
        )
    raise StoreFormatError(
        f"{layout.format} reads {text[:40]!r} and not '{MAGIC} {VERSION}': this is no store, or the file is damaged"
    )
