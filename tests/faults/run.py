"""The long fault tests: they damage stores for a given time, and print what was done and how often it ended how.

    PYTHONPATH=tests python tests/faults/run.py [--minutes 10] [--json]

A second reader of the layout on disk judges the result, not the code under test. The exit code is 1 where a count that
must be zero is not.
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
from fixtures import bundles, power_cut
from fixtures.disk_faults import FaultyDisk, damage_and_use, skip_syncs
from fixtures.store_layout import files_by_kind, read_layout
from fixtures.store_processes import CHURN, KILL, run_script
from fixtures.stored_identity import is_sound, put

from store import IdentityStore, StoreError

RNG = random.Random()
KILLS_A_ROUND = 50


def kills(folder: Path) -> Counter[str]:
    """Kill writers at random times. Nothing is torn afterwards, and gc leaves no leftovers."""
    root = folder / "kills"
    ends = Counter(run_script(KILL, root, KILLS_A_ROUND))
    found = read_layout(root)  # raises AssertionError on anything torn or dangling
    IdentityStore(root).gc(grace=0)
    left = len(list((root / "tmp").iterdir())) + len(list((root / "pins").iterdir()))
    return ends + Counter({"left over": left, "torn": int(read_layout(root) != found)})


def errors(folder: Path) -> Counter[str]:
    """Let one file operation fail while registering. It ends in a typed error, and trying again works."""
    kind = RNG.choice([errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
    place = IdentityStore(folder / "errors")
    seed = RNG.randrange(2, 2**32)  # a new one, so that there is something to write
    put(place, 1, "kept")
    outcome = "no failure reached"
    with pytest.MonkeyPatch.context() as patch:
        disk = FaultyDisk(patch, RNG.randint(1, 45), kind)
        try:
            put(place, seed, "tiger")
            outcome = "survived" if disk.failed else outcome
        except StoreError:
            outcome = "typed error"
        except OSError:
            outcome = "raw error"
    put(place, 0, "tiger")
    sound = place.verify().ok and is_sound(place.resolve("tiger"), 0) and is_sound(place.resolve("kept"), 1)
    return Counter({outcome: 1, "broken": int(not sound)})


def power_cuts(folder: Path) -> Counter[str]:
    """Cut the power at some moment, so that unsynced changes get lost. Raises AssertionError if anything is torn."""
    root, target = folder / "powered" / "identities", folder / "cut"
    with _quick():
        log = power_cut.record(root, power_cut.work)
        for _ in range(20):
            moment = RNG.randint(0, len(log))
            power_cut.judge(power_cut.cut(root, log, moment, target, RNG), moment)
            shutil.rmtree(target)
        shutil.rmtree(root)
    return Counter({"cuts": 20})


def flips(folder: Path) -> Counter[str]:
    """Flip one bit in any file of a store. It is noticed, and registering again mends it."""
    pristine, root = folder / "pristine", folder / "flipped"
    with _quick():
        if not pristine.exists():
            for seed, name in enumerate(("tiger", "lion")):
                put(IdentityStore(pristine), seed, name)
        kind, paths = RNG.choice(list(files_by_kind(pristine).items()))
        path = RNG.choice(paths)
        data = bytearray((pristine / path).read_bytes())
        data[RNG.randrange(len(data))] ^= 1 << RNG.randrange(8)
        noticed = damage_and_use(pristine, root, path, bytes(data))
    return Counter({f"in {kind}": 1, "silent": int(not noticed)})


def bundle_flips(folder: Path) -> Counter[str]:
    """Flip one bit in a bundle. It is refused, unless the bit is in the name that it suggests."""
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
        return Counter({bundles.import_outcome(place, file): 1})  # raises AssertionError on wrong bytes


def churn(folder: Path) -> Counter[str]:
    """Run writers, a reader and gc side by side for a minute. A failed read ends its process with 1."""
    ends = run_script(CHURN, folder / "churn", 60)
    read_layout(folder / "churn")
    return Counter({"seconds": 60, "failed processes": sum(end != "0" for end in ends)})


@contextmanager
def _quick() -> Iterator[None]:
    """Syncs cost nothing where durability is not tested."""
    with pytest.MonkeyPatch.context() as patch:
        skip_syncs(patch)
        yield


KINDS: dict[str, tuple[Callable[[Path], Counter[str]], float]] = {  # what is done, and its share of the time
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
            total: Counter[str] = Counter()
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
