"""Any sequence of changes leaves the store as a dict would be: names, pins and recipes, and behind them the right bytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from fixtures.stored_identity import is_sound, put
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from store import IdentityStore, NameInUse, NamePinned, StoreCorruption, UnknownName

SEEDS, NAMES = st.integers(0, 3), st.sampled_from(["tiger", "lion", "cat", "imported/cat"])
HOUR = 3600.0


class StoreMachine(RuleBasedStateMachine):
    """names: name -> seed of its identity; recipes: seeds that a recipe finds."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = IdentityStore(self.folder / "identities")
        self.names: dict[str, int] = {}
        self.recipes: set[int] = set()
        self.pinned: set[str] = set()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(seed=SEEDS, name=st.none() | NAMES)
    def register(self, seed, name):
        known = self.store.get({"seed": seed}) is not None
        assert known == (seed in self.recipes)
        assert is_sound(put(self.store, seed, name), seed)
        self.recipes.add(seed)
        if name:
            self.names[name] = seed

    @rule(old=NAMES, new=NAMES)
    def rename(self, old, new):
        if old not in self.names:
            self.refused(UnknownName, self.store.rename, old, new)
        elif new in self.names and new != old:
            self.refused(NameInUse, self.store.rename, old, new)
        else:
            self.store.rename(old, new)
            self.names[new] = self.names.pop(old)
            if old in self.pinned:
                self.pinned = self.pinned - {old} | {new}

    @rule(name=NAMES)
    def pin(self, name):
        if name not in self.names:
            return self.refused(UnknownName, self.store.pin, name)
        self.store.pin(name)
        self.pinned.add(name)

    @rule(name=NAMES)
    def unpin(self, name):
        if name not in self.names:
            return self.refused(UnknownName, self.store.unpin, name)
        self.store.unpin(name)
        self.pinned.discard(name)

    @rule(name=NAMES)
    def remove(self, name):
        if name not in self.names:
            return self.refused(UnknownName, self.store.remove, name)
        if name in self.pinned:
            return self.refused(NamePinned, self.store.remove, name)
        self.store.remove(name)
        seed = self.names.pop(name)
        if seed not in self.names.values():
            self.recipes.discard(seed)

    @precondition(lambda self: self.recipes - set(self.names.values()))
    @rule(data=st.data())
    def remove_nameless(self, data):
        seed = data.draw(st.sampled_from(sorted(self.recipes - set(self.names.values()))))
        self.store.remove(self.store.get({"seed": seed}).digest)
        self.recipes.discard(seed)

    @rule()
    def collect(self):
        self.store.gc(grace=0)

    @rule()
    def prune(self):
        """All that is not pinned, as nothing was used for two hours."""
        for path in (self.store.root / "manifests").rglob("*.json"):
            os.utime(path, times=(path.stat().st_mtime - 2 * HOUR,) * 2)
        self.store.prune(older_than=1.5 * HOUR)
        kept = {self.names[name] for name in self.pinned}
        self.names = {name: seed for name, seed in self.names.items() if seed in kept}
        self.recipes &= kept

    @precondition(lambda self: self.names)
    @rule(data=st.data(), called=st.sampled_from(["lion", "wolf"]), trust=st.booleans())
    def travel(self, data, called, trust):
        name = data.draw(st.sampled_from(sorted(self.names)))
        self.store.export(name, self.folder / "bundle.seal")
        self.store.import_bundle(self.folder / "bundle.seal", name=called, trust=trust)
        self.names[called if trust else f"imported/{called}"] = self.names[name]
        if trust:
            self.recipes.add(self.names[name])

    @precondition(lambda self: self.recipes)
    @rule(data=st.data())
    def damage_and_mend(self, data):
        seed = data.draw(st.sampled_from(sorted(self.recipes)))
        identity = self.store.get({"seed": seed})
        blob = data.draw(st.sampled_from(sorted(identity._manifest.chunks.values(), key=str)))
        path = self.store._layout.blob(blob.xxh3_128)
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
        self.refused(StoreCorruption, is_sound, identity, seed)
        report = self.store.verify()
        assert not report.ok
        self.store.repair(report)
        assert self.store.get({"seed": seed}) is None
        assert is_sound(put(self.store, seed), seed)

    @invariant()
    def names_lead_to_their_bytes(self):
        listed = self.store.identities()
        assert {each.name for each in listed if each.name} == set(self.names)
        assert {each.name for each in listed if each.pinned} == self.pinned
        for name, seed in self.names.items():
            assert is_sound(self.store.resolve(name), seed)

    @invariant()
    def recipes_lead_to_their_bytes(self):
        for seed in range(4):
            found = self.store.get({"seed": seed})
            assert (found is not None) == (seed in self.recipes)
            assert found is None or is_sound(found, seed)

    @invariant()
    def everything_verifies(self):
        assert self.store.verify().ok

    @staticmethod
    def refused(error, action, *given):
        with pytest.raises(error):
            action(*given)


@pytest.mark.usefixtures("quick_disk")
def test_the_store_behaves_like_a_dict():
    run_state_machine_as_test(
        StoreMachine, settings=settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True)
    )
