"""What smaller identities cost in quality: bytes of keys, values and latents, and the subject error, for choosing what is stored.

    python tests/benchmarks/identity_bytes.py [--seeds 400000:400008]

Questions are those of `seal bench quality --kinds mesh`. Prints a table; figures are means over the subjects.
"""

from __future__ import annotations

import argparse
from statistics import mean

from seal_sdk.evaluation import parse_method
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Painter
from seal_sdk.evaluation.questions.triples import Triple, triples
from seal_sdk.evaluation.tasks.quality import Setup, open_session
from seal_sdk.evaluation.tasks.scoring import drawing_of, run
from seal_sdk.session import IdentitySession

STORED = {
    "20 timesteps (all of a sampling), all tokens": "timesteps=exact,tokens=all,quantization=none",
    "4 timesteps, all tokens": "tokens=all,quantization=none",
    "4 timesteps, subject": "quantization=none",
    "4 timesteps, all tokens, int8": "tokens=all",
    "4 timesteps, subject, int8 (default)": "",
    "the same, 8 timesteps": "timesteps=8",
    "the same, 3 timesteps": "timesteps=3",
    "the same, 2 timesteps": "timesteps=2",
    "the same, 1 timestep": "timesteps=1",
    "the same, up blocks alone": "layers=up",
}


def kept_bytes(session: IdentitySession, asked: list[Triple], method: Method) -> float:
    """Mean bytes of the identities, without reference and mask."""
    painter = Painter(session, {})
    return mean(painter.register(drawing_of(each, masks_given=False), method).nbytes for each in asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="400000:400008")
    seeds = range(*map(int, parser.parse_args().seeds.split(":")))
    with open_session(Setup(subject="pocket")) as session:
        side, _ = session.backbone.geometry.check_size(None, None)
        asked = list(triples(seeds, ("mesh",), side))
        print("| | bytes | subject error |\n|---|---|---|")
        for name, settings in STORED.items():
            method = parse_method(f"seal:{settings}")
            error = mean(score.values["subject_error"] for score in run(session, asked, [method]))
            print(f"| {name} | {kept_bytes(session, asked, method):,.0f} | {error:.1f} |", flush=True)


if __name__ == "__main__":
    main()
