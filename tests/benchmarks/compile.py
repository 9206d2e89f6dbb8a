"""What torch.compile gains: seconds of a step, with the method on and off, for each way to compile SDXL's full-size UNet.

    python tests/benchmarks/compile.py [--side 1024] [--steps 6] [--device cuda] [--precision fp16] [--backend inductor] [--tiny]

Prints JSON. Random weights. With the method on, what holds its hooks runs uncompiled (`seal_sdk.backbone.compiled`); with the method off
it is diffusers' step. ``first_s`` is the first call, compilation included. --tiny tries the script with a tiny model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from full_size import DTYPES, Setup, StepClock, pipeline
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.pocket import world

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
ON = dict(delta_bridge=DeltaBridge(end=1.0))
WITH_STRUCTURE = dict(delta_bridge=DeltaBridge(end=1.0), structure_control=Structure(end=1.0))
CALLS = {"off, 2 rows": OFF, "on, 3 rows": ON, "on, 4 rows": WITH_STRUCTURE}


def whole(unet: Any, backend: str) -> None:
    """All of it."""
    unet.compile(backend=backend)


def blocks(unet: Any, backend: str) -> None:
    """Each transformer block."""
    unet.compile_repeated_blocks(backend=backend)


WAYS: dict[str, Callable[[Any, str], None]] = {
    "uncompiled": lambda unet, backend: None,
    "compile_repeated_blocks": blocks,
    "compile": whole,
}


def tiny_pipeline(setup: Setup) -> Any:
    """The tests' tiny model."""
    sys.path.append(str(Path(__file__).parents[1]))
    from fixtures import tiny

    return tiny.pipeline(tiny.tokenizer(Path(tempfile.mkdtemp()))).to(setup.device, setup.dtype)


def measure(session: IdentitySession, clock: StepClock, setup: Setup, steps: int) -> dict[str, dict[str, float]]:
    """Seconds of the first call and the median step of the second, for each of CALLS."""
    sample = world.sample(500_000)
    mesh = world.render(sample.identity, sample.pose, sample.scene, kind="mesh", size=setup.side)
    how = dict(num_inference_steps=steps, seed=1, structure_box=mesh.box, height=setup.side, width=setup.side)
    report = {}
    for name, settings in CALLS.items():
        picture = Image.fromarray(mesh.image) if settings is WITH_STRUCTURE else None
        given = {**how, **settings, "output_type": "latent"}
        started = time.perf_counter()
        session.generate(picture, "a photo on snow", **given)
        setup.synchronize()
        first = time.perf_counter() - started
        session.generate(picture, "a photo on snow", **given)
        report[name] = {"first_s": first, "step_s": statistics.median(clock.seconds[: steps - 2])}
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", choices=DTYPES, default="fp16")
    parser.add_argument("--backend", default="inductor")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    setup = Setup(arguments.side, arguments.device, arguments.precision)
    pipe, clock = (tiny_pipeline if arguments.tiny else pipeline)(setup), StepClock(setup)
    sample = world.sample(500_000)
    photo = world.render(sample.identity, sample.pose, sample.scene, size=setup.side)
    report: dict[str, Any] = {}
    with IdentitySession(pipe, store=tempfile.mkdtemp(), callbacks=[clock], enable_progress_bar=False) as session:
        session.register(Image.fromarray(photo.image), prompt="a photo", name="one", box=photo.box, timesteps=4)
        for name, compile_it in WAYS.items():
            for module in pipe.unet.modules():
                module._compiled_call_impl = None
            compile_it(pipe.unet, arguments.backend)
            report[name] = measure(session, clock, setup, arguments.steps)
            print(name, json.dumps(report[name]), file=sys.stderr)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
