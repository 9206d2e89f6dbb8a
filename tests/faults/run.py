"""The long part of the fault tests: runs for a given time and prints what was done to stores, and what came of it.

    python tests/faults/run.py [--minutes 10] [--json]

Uses the helpers of the fault tests (``tests/test_store_faults.py`` and those beside it): their own reader of the layout on disk
judges, not the code under test. The exit code is 1 where a figure is not as it should be.
"""

from __future__ import annotations

import argparse
import errno
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import test_store_bundle as bundles
import test_store_faults as faults
import test_store_power_cut as power

import store.files
from store import IdentityStore, StoreError

RNG = random.Random()
KILLS_A_ROUND = 50


def kills(folder: Path) -> Counter:
    """Writers killed at random times; afterwards nothing is torn, and gc leaves no leftovers."""
    root = folder / "kills"
    ends = Counter(faults.run_script(faults.KILL, root, KILLS_A_ROUND))
    found = faults.read_layout(root)  # raises AssertionError on anything torn or dangling
    IdentityStore(root).gc(grace=0)
    left = len(list((root / "tmp").iterdir())) + len(list((root / "pins").iterdir()))
    return ends + Counter({"left over": left, "torn": int(faults.read_layout(root) != found)})


def errors(folder: Path) -> Counter:
    """One failing file operation while registering: a typed error, the store verifies, and trying again works."""
    kind = RNG.choice([errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
    place, seed = (
        IdentityStore(folder / "errors"),
        RNG.randrange(2, 2**32),
    )  # a new one, so that there is something to write
    faults.put(place, 1, "kept")
    outcome = "no failure reached"
    with pytest.MonkeyPatch.context() as patch:
        disk = faults.FaultyDisk(patch, RNG.randint(1, 45), kind)
        try:
            faults.put(place, seed, "tiger")
            outcome = "survived" if disk.failed else outcome
        except StoreError:
            outcome = "typed error"
        except OSError:
            outcome = "raw error"
    faults.put(place, 0, "tiger")
    sound = (
        place.verify().ok and faults.is_sound(place.resolve("tiger"), 0) and faults.is_sound(place.resolve("kept"), 1)
    )
    return Counter({outcome: 1, "broken": int(not sound)})


def power_cuts(folder: Path) -> Counter:
    """The power fails at some moment; of what was not synced some is lost. Raises AssertionError on anything torn."""
    root, target = folder / "powered" / "identities", folder / "cut"
    with _quick():
        log = power.record(root, power.work)
        for _ in range(20):
            moment = RNG.randint(0, len(log))
            power.judge(power.cut(root, log, moment, target, RNG), moment)
            shutil.rmtree(target)
        shutil.rmtree(root)
    return Counter({"cuts": 20})


def flips(folder: Path) -> Counter:
    """One flipped bit in any file of a store: noticed, and mended by registering again."""
    pristine, root = folder / "pristine", folder / "flipped"
    with _quick():
        if not pristine.exists():
            for seed, name in enumerate(("tiger", "lion")):
                faults.put(IdentityStore(pristine), seed, name)
        kind, paths = RNG.choice(list(faults.files_by_kind(pristine).items()))
        path = RNG.choice(paths)
        data = bytearray((pristine / path).read_bytes())
        data[RNG.randrange(len(data))] ^= 1 << RNG.randrange(8)
        noticed = faults.damage_and_use(pristine, root, path, bytes(data))
    return Counter({f"in {kind}": 1, "silent": int(not noticed)})


def bundle_flips(folder: Path) -> Counter:
    """One flipped bit in a bundle: refused, or (in the name that it suggests) taken with the very bytes that were exported."""
    with _quick():
        file = folder / "tiger.seal"
        place = IdentityStore(folder / "import")
        if not file.exists():
            here = IdentityStore(folder / "export")
            bundles.put(here)
            here.export("tiger", folder / "good.seal")
        data = bytearray((folder / "good.seal").read_bytes())
        data[RNG.randrange(len(data))] ^= 1 << RNG.randrange(8)
        file.write_bytes(data)
        return Counter({bundles._outcome(place, file): 1})  # raises AssertionError on wrong bytes


def churn(folder: Path) -> Counter:
    """Writers, a reader and gc side by side for a minute; a failed read ends its process with 1."""
    ends = faults.run_script(faults.CHURN, folder / "churn", 60)
    faults.read_layout(folder / "churn")
    return Counter({"seconds": 60, "failed processes": sum(end != "0" for end in ends)})


@contextmanager
def _quick() -> Iterator[None]:
    """Syncs that cost nothing, where they are not the matter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.files, "sync_data", lambda descriptor: None)
        patch.setattr(store.files, "sync_directory", lambda path: None)
        yield


KINDS: dict[str, tuple[Callable[[Path], Counter], float]] = {  # what is done, and its share of the time
    "kills": (kills, 0.3),
    "errors": (errors, 0.2),
    "power cuts": (power_cuts, 0.1),
    "flips": (flips, 0.2),
    "bundle flips": (bundle_flips, 0.1),
    "churn": (churn, 0.1),
}
NEVER = ("torn", "left over", "raw error", "broken", "silent", "failed processes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (action, share) in KINDS.items():
            until = time.monotonic() + 60 * arguments.minutes * share
            total: Counter = Counter()
            while not total or time.monotonic() < until:
                total += Counter({"trials": 1})
                for outcome, count in action(Path(folder)).items():
                    total[outcome] += count
            table[name] = dict(total)
            if not arguments.json:
                print(
                    f"{name:14}" + "  ".join(f"{outcome}: {count}" for outcome, count in sorted(total.items())),
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(table, indent=2))
    return int(any(outcomes.get(bad, 0) for outcomes in table.values() for bad in NEVER))


if __name__ == "__main__":
    sys.exit(main())
