"""What the library shows of each identity: found, sorted and narrowed down, and written as cards."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import LRUCache
from PIL import Image

from seal_sdk.byte_sizes import human_size
from seal_sdk.serving.studio.pictures import data_url
from seal_sdk.serving.studio.words import ago
from store import IdentityInfo, IdentityStore, StoreError, UnknownName

ANY_MODEL = "Any model"
THUMBNAIL = 176  # pixels
MOST_CARDS = 60
MOST_THUMBNAILS = 512
LAST_USED = "Last used"


@dataclass(frozen=True)
class Item:
    """An identity in the library. used: when it was last used, in seconds since the epoch. thumbnail: a data URL, "" without one."""

    info: IdentityInfo
    used: float | None = None
    thumbnail: str = ""

    @property
    def key(self) -> str:
        """What it is called: its name, or its digest."""
        return self.info.name or self.info.digest or ""


SORTS: dict[str, Callable[[Item], tuple[float, str]]] = {
    "Name": lambda item: (item.info.name is None, item.key.lower()),
    LAST_USED: lambda item: (-(item.used or 0), item.key),
    "Newest": lambda item: (-(item.info.created or 0), item.key),
    "Largest": lambda item: (-item.info.nbytes, item.key),
}


class Shelf:
    """The identities of a store, with thumbnails that are read once. Any thread may use it.

    Of a large library only what is shown is opened; all of it for the order `LAST_USED` alone.
    """

    def __init__(self, store: IdentityStore) -> None:
        self._store = store
        self._thumbnails: LRUCache[str, str] = LRUCache(MOST_THUMBNAILS)
        self._lock = Lock()

    def models(self) -> list[str]:
        """The models that identities were registered with."""
        return sorted({model_of(info) for info in self._store.identities()})

    def find(self, text: str, model: str, sort: str) -> list[Item]:
        """The identities whose name or prompt holds every word of ``text``, of a model or `ANY_MODEL`, in order of `SORTS`."""
        words = text.lower().split()
        found = [
            self._opened(info) if sort == LAST_USED else Item(info)
            for info in self._store.identities()
            if model in (ANY_MODEL, model_of(info)) and all(word in _text(info) for word in words)
        ]
        return sorted(found, key=SORTS.get(sort, SORTS["Name"]))

    def cards(self, items: Sequence[Item], chosen: str) -> str:
        """HTML of the first cards; the chosen one is marked."""
        shown = "".join(_card(self._with_thumbnail(item), item.key == chosen) for item in items[:MOST_CARDS])
        more = len(items) - MOST_CARDS
        rest = f'<p class="seal-hint">And {more} more: narrow the search.</p>' if more > 0 else ""
        return f'<div class="seal-cards">{shown}</div>{rest}' if items else '<p class="seal-hint">Nobody here.</p>'

    def _opened(self, info: IdentityInfo) -> Item:
        try:
            return Item(info, self._store.resolve(info.name or info.digest or "").used)
        except StoreError:
            return Item(info)

    def _with_thumbnail(self, item: Item) -> Item:
        digest = item.info.digest or ""
        with self._lock:
            thumbnail = self._thumbnails.get(digest, "")
        thumbnail = thumbnail or self._draw(item.key)
        if thumbnail:
            with self._lock:
                self._thumbnails[digest] = thumbnail
        opened = item if item.used is not None else self._opened(item.info)
        return replace(opened, thumbnail=thumbnail)

    def _draw(self, key: str) -> str:
        try:
            attached = self._store.resolve(key).attachment("reference.png")
        except (StoreError, UnknownName):
            return ""
        return data_url(Image.open(io.BytesIO(attached)).convert("RGB"), THUMBNAIL)


def model_of(info: IdentityInfo) -> str:
    """The model's name of an identity, in words."""
    return str(info.model or "unknown model")


def _text(info: IdentityInfo) -> str:
    return f"{info.name or info.digest} {info.prompt or ''}".lower()


def _card(item: Item, chosen: bool) -> str:
    info = item.info
    name = html.escape(info.name or f"without a name ({item.key[:12]})")
    facts = [human_size(info.nbytes), model_of(info), f"used {ago(item.used)}"]
    below = f"Damaged: {info.problem}" if info.problem else info.prompt or ""
    picture = f'<img src="{item.thumbnail}" alt="">' if item.thumbnail else '<span class="seal-nothing"></span>'
    pin = ' <span title="pinned" class="seal-pin">pinned</span>' if info.pinned else ""
    return (
        f'<button type="button" class="seal-card" data-name="{html.escape(item.key)}" aria-pressed="{str(chosen).lower()}">'
        f"{picture}<strong>{name}{pin}</strong><span>{html.escape(below)}</span>"
        f"<small>{html.escape(' · '.join(facts))}</small></button>"
    )
