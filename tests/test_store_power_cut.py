"""The power fails at any moment: what was never synced may be there, or not, or in part. Nothing published may be bad.

A recording of the store's file operations is played back up to each of them, then every change that no sync made durable
is kept or dropped by chance, on its own. The reader of the fault tests judges what such a disk holds.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from test_store_faults import put, read_layout, values_of

import store.files
from store import IdentityStore

CHANCES = 2  # disks per moment


@dataclass
class Recorder:
    """Lists every change of the disk as (operation, ...) while the store works; syncs cost nothing."""

    log: list[tuple] = field(default_factory=list)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real = {
            name: getattr(store.files, name)
            for name in ("create", "write", "close", "rename", "unlink", "make_directory")
        }
        numbers, opened = count(), {}

        def create(path):
            descriptor = real["create"](path)
            opened[descriptor] = next(numbers)
            self.log.append(("create", path, opened[descriptor]))
            return descriptor

        def write(descriptor, data):
            written = real["write"](descriptor, data)
            self.log.append(("write", opened[descriptor], bytes(data[:written])))
            return written

        def note(name):
            def wrapped(*paths):
                real[name](*paths)
                self.log.append((name, *paths))

            return wrapped

        patch.setattr(store.files, "create", create)
        patch.setattr(store.files, "write", write)
        patch.setattr(store.files, "sync_data", lambda descriptor: self.log.append(("sync_data", opened[descriptor])))
        patch.setattr(store.files, "sync_directory", lambda path: self.log.append(("sync_directory", path)))
        for name in ("rename", "unlink", "make_directory"):
            patch.setattr(store.files, name, note(name))


class Disk:
    """What a disk holds after some operations: durable names and bytes, and changes that nobody synced yet.

    A name leads to a file's number, or to None for a directory.
    """

    def __init__(self) -> None:
        self.now: dict[Path, int | None] = {}  # as the running system sees it
        self.names: dict[Path, int | None] = {}
        self.pending: dict[Path, list[tuple[Path, bool, int | None]]] = {}  # directory -> (path, is there, what)
        self.bytes: dict[int, bytes] = {}
        self.synced: dict[int, int] = {}  # how many of them are durable

    def apply(self, operation: str, *given) -> None:
        match operation, given:
            case "create", (path, number):
                self.bytes[number], self.synced[number] = b"", 0
                self._change(path, True, number)
            case "write", (number, data):
                self.bytes[number] += data
            case "sync_data", (number,):
                self.synced[number] = len(self.bytes[number])
            case "make_directory", (path,):
                self._change(path, True, None)
            case "unlink", (path,):
                self._change(path, False, None)
            case "rename", (source, target):
                number = self.now[source]
                self._change(source, False, None)
                self._change(target, True, number)
            case "sync_directory", (path,):
                for change in self.pending.pop(path, ()):
                    self._settle(self.names, *change)

    def _change(self, path: Path, there: bool, what: int | None) -> None:
        self._settle(self.now, path, there, what)
        self.pending.setdefault(path.parent, []).append((path, there, what))

    @staticmethod
    def _settle(names: dict[Path, int | None], path: Path, there: bool, what: int | None) -> None:
        if there:
            names[path] = what
        else:
            names.pop(path, None)

    def survive(self, root: Path, target: Path, chance: random.Random) -> None:
        """Write what is left of ``root`` to ``target``: unsynced changes are kept or lost by chance, in no order."""
        kept, odds = dict(self.names), chance.choice((0.0, 0.5, 1.0))
        for changes in self.pending.values():
            for change in changes:
                if chance.random() < odds:
                    self._settle(kept, *change)
        for path, number in sorted(kept.items(), key=lambda each: len(each[0].parts)):
            copy = target / path.relative_to(root.parent)
            if copy.parent.is_dir():  # else the directory's own name was lost
                copy.mkdir(exist_ok=True) if number is None else copy.write_bytes(self._content(number, chance))

    def _content(self, number: int, chance: random.Random) -> bytes:
        data, synced = self.bytes[number], self.synced[number]
        lost = len(data) - synced
        ends = (data, data[:synced], data[:synced] + bytes(lost), data[: synced + lost // 2])
        return chance.choice(ends)


def work(place: IdentityStore) -> None:
    """A little of everything that changes a store."""
    put(place, 0, "tiger")
    put(place, 1, "lion")
    place.rename("lion", "cat")
    put(place, 2)
    place.pin("cat")
    place.remove("tiger")
    place.gc(grace=0)
    put(place, 0, "tiger")


def record(root: Path, action: Callable[[IdentityStore], object]) -> list[tuple]:
    """The disk's changes while ``action`` works on a new store at ``root``."""
    recorder = Recorder()
    root.parent.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        recorder.install(patch)
        action(IdentityStore(root))
    return recorder.log


def cut(root: Path, log: list[tuple], moment: int, target: Path, chance: random.Random) -> Path:
    """The store as the disk has it in ``target`` if the power fails after so many operations."""
    disk = Disk()
    for operation in log[:moment]:
        disk.apply(*operation)
    target.mkdir()
    disk.survive(root, target, chance)
    return target / root.name


def test_no_moment_of_a_power_cut_leaves_anything_torn_or_dangling(tmp_path, quick_disk):
    root, chance = tmp_path / "before" / "identities", random.Random(0)
    log = record(root, work)
    assert len(log) > 150
    for moment in range(len(log) + 1):
        for _ in range(CHANCES):
            judge(cut(root, log, moment, tmp_path / "after", chance), moment)
            shutil.rmtree(tmp_path / "after")


def judge(root: Path, moment: int) -> None:
    """Nothing that can be found is torn or dangling, and the store serves and verifies. Raises AssertionError."""
    if (root / "recipes").is_dir():
        read_layout(root)
    place = IdentityStore(root)
    for seed in range(3):
        found = place.get({"seed": seed})
        assert (
            found is None
            or b"".join(found.step(index)["mid"].tobytes() for index in range(2)) == values_of(seed).tobytes()
        )
    put(place, 3, "new")
    assert place.verify().ok, f"after operation {moment}"


def test_once_put_returns_the_identity_survives(tmp_path, quick_disk):
    root = tmp_path / "before" / "identities"
    log = record(root, lambda place: put(place, 0, "tiger"))
    for number in range(20):
        after = cut(root, log, len(log), tmp_path / f"after {number}", random.Random(number))
        assert '{"seed":0}' in read_layout(after)
        assert IdentityStore(after).resolve("tiger").recipe == {"seed": 0}
