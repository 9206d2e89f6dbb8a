"""SDXL's full-size UNet with random weights on this machine: rows, time per step, register time, memory.

    python tests/benchmarks/full_size.py [--side 256] [--steps 4] [--device cpu] [--precision bf16] [--store FOLDER]

Prints JSON. Every ratio is to a baseline of the same run: plain UNet forwards with the same number of rows and one scheduler step each.
Needs about 10 GB of memory (15 in fp32) and nothing else running. On a CPU without native bf16 take fp32. `gpu.py` measures the
same on a GPU at several sizes and precisions.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image

from seal_sdk import Callback, DeltaBridge, IdentitySession, Structure
from seal_sdk.evaluation.cost import random_models
from seal_sdk.evaluation.cost.random_models import SDXL_BLOCKS as BLOCKS
from seal_sdk.evaluation.cost.workplace import forget_page_cache
from seal_sdk.pocket import world

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Setup:
    """Where and how large. side: in pixels."""

    side: int = 256
    device: str = "cpu"
    precision: str = "bf16"

    @property
    def dtype(self) -> torch.dtype:
        """Of everything."""
        return DTYPES[self.precision]

    def synchronize(self) -> None:
        """Wait for the GPU, so that times are those of the work."""
        if self.device != "cpu":
            torch.cuda.synchronize()


def random_unet(setup: Setup, blocks: Mapping[str, Any] = BLOCKS) -> UNet2DConditionModel:
    """SDXL's UNet, 2.57 B parameters, or one of other blocks; small random weights."""
    return random_models.random_unet(setup.side, setup.device, setup.dtype, blocks)


def pipeline(setup: Setup) -> StableDiffusionXLPipeline:
    """SDXL's UNet at full size; VAE and text encoders of SDXL's widths with few layers, since they are not measured."""
    return random_models.random_pipeline(setup.side, setup.device, setup.dtype)


class StepClock(Callback):
    """Seconds of every denoising step."""

    def __init__(self, setup):
        self.setup, self.seconds, self.last = setup, [], None

    def on_generate_start(self, session, images, steps):
        self.seconds, self.last = [], None

    def on_step_end(self, session, index, timestep, latents):
        self.setup.synchronize()
        now = time.perf_counter()
        if self.last is not None:
            self.seconds.append(now - self.last)
        self.last = now


@torch.no_grad()
def plain_step(pipe: StableDiffusionXLPipeline, rows: int, setup: Setup) -> float:
    """Seconds of one UNet forward with ``rows`` rows, guidance and a scheduler step, as diffusers' loop runs them."""
    pipe.scheduler.set_timesteps(4)
    side, place = setup.side, dict(dtype=setup.dtype, device=setup.device)
    config, latent_side = pipe.unet.config, side // pipe.vae_scale_factor
    latents = torch.randn(1, 4, latent_side, latent_side, **place)
    embeds = torch.randn(rows, 77, config.cross_attention_dim, **place)
    of_sizes = 6 * config.addition_time_embed_dim
    pooled = torch.randn(rows, config.projection_class_embeddings_input_dim - of_sizes, **place)
    ids = torch.tensor([[side, side, 0, 0, side, side]], **place).expand(rows, 6)
    setup.synchronize()
    started = time.perf_counter()
    timestep = pipe.scheduler.timesteps[0]
    scaled = pipe.scheduler.scale_model_input(torch.cat([latents] * rows), timestep)
    added = {"text_embeds": pooled, "time_ids": ids}
    noise = pipe.unet(scaled, timestep, encoder_hidden_states=embeds, added_cond_kwargs=added, return_dict=False)[0]
    guided = noise[:1] + 5.0 * (noise[1:2] - noise[:1]) if rows > 1 else noise
    pipe.scheduler.step(guided, timestep, latents, return_dict=False)
    setup.synchronize()
    return time.perf_counter() - started


def disk_over_memory(session: IdentitySession, store: Path, repeats: int, what: dict) -> dict:
    """The denoising loop with every timestep from the disk, against the same with all of them in memory."""
    hungry = IdentitySession(session.pipe, store=store, memory_budget=0, enable_progress_bar=False)

    def loop(place: IdentitySession) -> tuple[float, dict]:
        forget_page_cache(store)
        drawn = place.generate(
            what["mesh"],
            "a photo",
            identity="one",
            structure_box=what["box"],
            num_inference_steps=what["steps"],
            seed=1,
        )
        return drawn.timings["denoise"], {"reads": drawn.reads, "waited": drawn.timings["store_wait"]}

    loop(session)
    pairs = []
    for number in range(2 * repeats):  # who comes first changes, so that a drifting machine hurts both alike
        first, second = (hungry, session) if number % 2 else (session, hungry)
        times = {first: loop(first), second: loop(second)}
        pairs.append((times[hungry], times[session]))
    (_, from_disk), (_, from_memory) = pairs[-1]
    disk, memory = (statistics.median(each[side][0] for each in pairs) for side in (0, 1))
    return {
        "loop_from_disk_s": disk,
        "loop_from_memory_s": memory,
        "loop_disk_over_memory": statistics.median(disk[0] / memory[0] for disk, memory in pairs),
        "loop_disk_over_memory_each": [disk[0] / memory[0] for disk, memory in pairs],
        "from_disk": from_disk,
        "from_memory": from_memory,
    }


def measure(pipe: StableDiffusionXLPipeline, setup: Setup, store: Path, steps: int, repeats: int) -> dict:
    """Everything of one setup, as plain data."""
    side = setup.side
    clock = StepClock(setup)
    session = IdentitySession(pipe, store=store, callbacks=[clock], enable_progress_bar=False)
    sample = world.sample(500_000)
    reference = world.render(sample.identity, sample.pose, sample.scene, size=side)
    structure = world.render(sample.identity, sample.pose, sample.scene, kind="mesh", size=side)
    photo, mesh = Image.fromarray(reference.image), Image.fromarray(structure.image)

    plain_step(pipe, 1, setup)  # warm-up
    single = statistics.median(plain_step(pipe, 1, setup) for _ in range(repeats))
    session.register(photo, prompt="warm up", name="warm", box=reference.box, timesteps=1)
    started = time.perf_counter()
    identity = session.register(photo, prompt="a photo", name="one", box=reference.box, timesteps=steps)
    register = time.perf_counter() - started
    started = time.perf_counter()
    session.register(photo, prompt="a photo", name="one", box=reference.box, timesteps=steps)
    hit = time.perf_counter() - started

    all_rows = dict(delta_bridge=DeltaBridge(end=1.0), structure_control=Structure(end=1.0))
    ours, theirs, counted = [], [], 0
    for _ in range(repeats):  # in turn, so that a drifting machine hurts both alike
        drawn = session.generate(
            mesh, "a photo on snow", structure_box=structure.box, num_inference_steps=steps, seed=1, **all_rows
        )
        ours += clock.seconds[: steps - 2]  # the last step has no appearance row
        counted = drawn.unet_rows
        theirs += [plain_step(pipe, 4, setup) for _ in range(2)]

    loops = disk_over_memory(session, store, repeats, dict(steps=steps, mesh=mesh, box=structure.box))
    report = {
        "parameters": sum(p.numel() for p in pipe.unet.parameters()),
        **asdict(setup),
        "unet_rows_of_generate": counted,
        "plain_single_row_s": single,
        "register_s": register,
        "register_over_bare_forwards": register / (single * steps),
        "register_hit_s": hit,
        "identity_bytes": identity.nbytes,
        "step_s": statistics.median(ours),
        "plain_step_with_as_many_rows_s": statistics.median(theirs),
        "step_over_plain": statistics.median(ours) / statistics.median(theirs),
        **loops,
        "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    if setup.device != "cpu":
        report["peak_device_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=DTYPES, default="bf16")
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    setup = Setup(arguments.side, arguments.device, arguments.precision)
    store = arguments.store or Path(tempfile.mkdtemp()) / "store"
    started = time.perf_counter()
    pipe = pipeline(setup)
    loaded = {"load_s": time.perf_counter() - started}
    print(json.dumps(loaded | measure(pipe, setup, store, arguments.steps, arguments.repeats), indent=2))


if __name__ == "__main__":
    main()
