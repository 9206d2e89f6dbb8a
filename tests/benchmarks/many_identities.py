"""Memory of one session that serves many identities in turn, on the embedded model.

    python tests/benchmarks/many_identities.py [--count 50] [--budget 10000000]

Prints JSON: resident memory after each fifth of them, and what the store and the session's tiers hold.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world

PAGE = 4096


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--budget", type=int, default=10_000_000, help="Bytes of K/V that the session keeps in memory.")
    arguments = parser.parse_args()
    after, reads = {}, {"memory": 0, "disk": 0}
    with (
        tempfile.TemporaryDirectory() as folder,
        IdentitySession("pocket", store=folder, memory_budget=arguments.budget, enable_progress_bar=False) as session,
    ):
        for number in range(arguments.count):
            sample = world.sample(400_000 + number)
            shown = world.render(sample.identity, sample.pose, sample.scene)
            session.register(Image.fromarray(shown.image), prompt="a photo", name=f"n{number}", box=shown.box)
            drawn = session.generate(None, "a photo on snow", identity=f"n{number}", num_inference_steps=4, seed=1)
            for tier, count in drawn.reads.items():
                reads[tier] += count
            if (number + 1) % max(arguments.count // 5, 1) == 0:
                after[number + 1] = round(resident_mb(), 1)
        report = {"resident_mb_after": after, "kept_bytes": session._cache.nbytes, "reads": reads}
        report["store_bytes"] = session.store.usage().total
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
