"""Whether a session that draws on and on takes more and more memory: resident memory after 50 and after 200 calls over 20 identities.

    python tests/benchmarks/memory_growth.py [--model pocket] [--calls 200] [--first 50] [--identities 20] [--steps 4]

Prints JSON. Exits with 1 where it grew by more than 1 % in between.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from pathlib import Path

from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world

PAGE = 4096
LIMIT = 0.01
SCENES = ("snow", "grass", "sand", "a road")


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


def register(session: IdentitySession, count: int) -> list[str]:
    """Names of the identities, of which all K/V fit into the session's cache."""
    for number in range(count):
        sample = world.sample(400_000 + number)
        shown = world.render(sample.identity, sample.pose, sample.scene)
        session.register(Image.fromarray(shown.image), prompt="a photo", name=f"n{number}", box=shown.box)
    return [f"n{number}" for number in range(count)]


def grow(session: IdentitySession, names: list[str], arguments: argparse.Namespace) -> dict[str, float]:
    """Megabytes after the first calls and after all, with identities, prompts and seeds that change from call to call."""
    after = {}
    for call in range(1, arguments.calls + 1):
        name, scene = names[call % len(names)], SCENES[call % len(SCENES)]
        session.generate(
            None, f"a photo on {scene}", identity=name, num_inference_steps=arguments.steps, seed=400_000 + call
        )
        if call in (arguments.first, arguments.calls):
            after[call] = resident_mb()
    first, last = after[arguments.first], after[arguments.calls]
    return {"resident_mb_after": after, "growth": (last - first) / first}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument(
        "--first", type=int, default=50, help="Calls after which everything that is kept should be there."
    )
    parser.add_argument("--identities", type=int, default=20)
    parser.add_argument("--steps", type=int, default=4)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        IdentitySession(arguments.model, store=folder, enable_progress_bar=False) as session,
    ):
        report = grow(session, register(session, arguments.identities), arguments)
        report["kept_kv_bytes"] = sum(n for tier, n in session.memory.key_values.items() if tier != "disk")
    print(json.dumps(report, indent=2))
    sys.exit(report["growth"] > LIMIT)


if __name__ == "__main__":
    main()
