"""Odd subjects with the embedded model: the error of structure alone and of the method, inside the true subject.

    python tests/benchmarks/odd_subjects.py [--seeds 400000:400004] [--steps 20] [--only small,cut] [--sheet sheet.png]

`fixtures.odd_subjects` says what is odd. Prints a table, one line per picture and the means.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from fixtures.odd_subjects import ODD, SIDE, draw

from seal_sdk import IdentitySession
from seal_sdk.evaluation import METHODS
from seal_sdk.evaluation.reports.grid import Tile, grid

METHODS_SHOWN = "structure", "seal"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="400000:400004")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", default=",".join(ODD))
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    seeds = range(*map(int, arguments.seeds.split(":")))
    rows = []
    with (
        tempfile.TemporaryDirectory() as store,
        IdentitySession("pocket", store=store, enable_progress_bar=False) as session,
    ):
        for name in arguments.only.split(","):
            errors = []
            for seed in seeds:
                odd = ODD[name](seed)
                pictures = [draw(session, odd, METHODS[method], arguments.steps) for method in METHODS_SHOWN]
                errors.append([odd.error(picture) for picture in pictures])
                print(f"{name:8} {seed}  " + "  ".join(f"{error:6.1f}" for error in errors[-1]), flush=True)
                given = (Tile(Image.fromarray(each.image)) for each in (odd.reference, odd.structure, odd.truth))
                rows.append(
                    [*given, *(Tile(image, f"{error:.0f}") for image, error in zip(pictures, errors[-1], strict=True))]
                )
            means = [statistics.mean(each) for each in zip(*errors, strict=True)]
            print(
                f"{name:8} mean    "
                + "  ".join(f"{mean:6.1f}" for mean in means)
                + f"  ratio {means[1] / means[0]:.2f}",
                flush=True,
            )
    if arguments.sheet:
        grid(("reference", "structure", "truth", *METHODS_SHOWN), rows, SIDE).save(arguments.sheet)


if __name__ == "__main__":
    main()
