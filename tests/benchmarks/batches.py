"""Seconds per picture of batches, by how many pictures share a forward of the model (``images_per_forward``).

    python tests/benchmarks/batches.py [--steps 8] [--repeats 3] [--pictures 1 2 4 8] [--device cpu] [--out batches.json]
    python tests/benchmarks/batches.py --full-size --device cuda [--side 512] [--precision fp16] [--tiny]

Prints a table and JSON. Each picture has an identity and a structure image; of a call only the denoising steps count. The model is the
embedded one, or with --full-size SDXL's UNet of random weights. --tiny tries that with a tiny model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from compile import tiny_pipeline
from full_size import DTYPES, Setup, StepClock, pipeline
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world

WAYS = ("exact", 2, 4, 8)
IDENTITY = dict(prompt="a photo", name="one", timesteps=4)


def model(arguments: argparse.Namespace, setup: Setup) -> Any:
    """What the session is opened with."""
    if arguments.tiny:
        return tiny_pipeline(setup)
    return pipeline(setup) if arguments.full_size else "pocket"


def seconds(session: IdentitySession, setup: Setup, pictures: int, steps: int, way: str | int) -> float:
    """Seconds per picture of one batch's steps."""
    sample = world.sample(500_000)
    mesh = world.render(sample.identity, sample.pose, sample.scene, kind="mesh", size=setup.side)
    drawn = session.generate(
        Image.fromarray(mesh.image),
        "a photo on snow",
        structure_box=mesh.box,
        num_inference_steps=steps,
        num_images_per_prompt=pictures,
        height=setup.side,
        width=setup.side,
        seed=500_000,
        output_type="latent",
        images_per_forward=way,
    )
    return drawn.timings["denoise"] / pictures


def measure(session: IdentitySession, setup: Setup, arguments: argparse.Namespace) -> dict[int, dict[str, Any]]:
    """Number of pictures -> way -> median seconds per picture, and peak of the device's memory in GB."""
    report: dict[int, dict[str, Any]] = {}
    for pictures in arguments.pictures:
        ways = [way for way in WAYS if way == "exact" or way <= pictures]
        times: dict[str | int, list[float]] = {way: [] for way in ways}
        peaks: dict[str | int, float] = {}
        for number in range(arguments.repeats + 1):  # ways in turn, so that a drifting machine hurts all alike
            for way in ways:
                if setup.device != "cpu":
                    torch.cuda.reset_peak_memory_stats()
                taken = seconds(session, setup, pictures, arguments.steps, way)
                times[way] += [taken] if number else []  # the first round warms up
                if setup.device != "cpu":
                    peaks[way] = torch.cuda.max_memory_allocated() / 1e9
        report[pictures] = {
            str(way): {"seconds_per_picture": statistics.median(times[way]), "peak_gb": peaks.get(way)} for way in ways
        }
    return report


def table(report: dict[int, dict[str, Any]]) -> str:
    """Markdown: a row per number of pictures, a column per way."""
    lines = [["pictures", *map(str, WAYS)], ["---"] * (len(WAYS) + 1)]
    for pictures, ways in report.items():
        cells = [ways.get(str(way)) for way in WAYS]
        lines.append(
            [str(pictures), *("-" if cell is None else f"{cell['seconds_per_picture']:.3g}" for cell in cells)]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full-size", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--side", type=int, help="In pixels; 512 with --full-size, else 128.")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pictures", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=DTYPES, help="fp16 with --full-size, else fp32.")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    side, precision = (512, "fp16") if arguments.full_size else (128, "fp32")
    setup = Setup(arguments.side or side, arguments.device, arguments.precision or precision)
    sample = world.sample(500_000)
    photo = world.render(sample.identity, sample.pose, sample.scene, size=setup.side)
    with IdentitySession(
        model(arguments, setup),
        store=tempfile.mkdtemp(),
        accelerator=setup.device,
        precision=setup.precision,
        callbacks=[StepClock(setup)],  # it waits for the device at each step
        enable_progress_bar=False,
    ) as session:
        session.register(Image.fromarray(photo.image), box=photo.box, **IDENTITY)
        report = measure(session, setup, arguments)
    found = {"device": setup.device, "side": setup.side, "precision": setup.precision, "pictures": report}
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2))
    print(table(report))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
