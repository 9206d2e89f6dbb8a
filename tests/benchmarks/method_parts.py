"""Time and memory of each part of the method at SDXL's shapes, beside a forward of SDXL's UNet with as many rows.

    python tests/benchmarks/method_parts.py [--sides 512,1024] [--shares 0.3,0.9] [--precision bf16] [--device cpu] [--json FILE] [--tiny]

Prints a table, and JSON last. A share is how much of the picture the subject covers. A part's time is that of all its layers in a step, or
in one call where it runs once a call; it is set against a step of the denoising loop with 4 rows. "largest" is the largest tensor that a
part allocates. Wanted: at most 3 % of a step, and no matrix of tokens above 64 MB. Needs about 8 GB of memory and nothing else running;
``--tiny`` tries the script with a tiny UNet.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import torch
from full_size import BLOCKS, DTYPES, Setup, random_unet
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seal_sdk.backbone.attention import attention_layers, self_attention_layers
from seal_sdk.generation.word_attention import _attention_by_side
from seal_sdk.method.delta_bridge import bridge
from seal_sdk.method.infusion import InfusionSettings, ReferenceTokens, infuse, unit
from seal_sdk.method.latent_transfer.correspondence import Correspondence
from seal_sdk.method.latent_transfer.palette import match_palette
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.similarity import similarity
from seal_sdk.method.latent_transfer.transfer import transfer_latents
from seal_sdk.method.noise_level import NoiseLevel
from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.latent_edit import edit_latents

ROWS, EDITS, WORDS, PIXELS_PER_LATENT = 4, 3, 77, 8
MOST_TIME, MOST_MEMORY = 0.03, 64 * 2**20
TINY = BLOCKS | dict(
    block_out_channels=(32, 64, 64),
    transformer_layers_per_block=(1, 1, 2),
    attention_head_dim=(2, 4, 4),
    cross_attention_dim=64,
    addition_time_embed_dim=8,
    projection_class_embeddings_input_dim=80,
)


@dataclass(frozen=True)
class Case:
    """A picture of ``setup.side`` pixels a side, of which the subject covers a share; the reference is as large."""

    setup: Setup
    share: float

    @property
    def latent_side(self) -> int:
        return self.setup.side // PIXELS_PER_LATENT

    def random(self, *shape: int) -> Tensor:
        return torch.randn(*shape).to(self.setup.device, self.setup.dtype)

    def subject(self, side: int) -> Tensor:
        """(side, side) bool: a disc, or a square where a disc is too small."""
        line = (torch.arange(side) + 0.5) / side - 0.5
        distance = (line[:, None].square() + line.square()).sqrt()
        if self.share > 0.7:
            distance = torch.maximum(line[:, None].abs(), line.abs())
        farthest = distance.flatten().sort().values[max(round(self.share * side * side) - 1, 0)]
        return (distance <= farthest).to(self.setup.device)

    def tokens(self, side: int) -> Tensor:
        """(N,): the subject's tokens on a grid of so many a side."""
        return torch.nonzero(self.subject(side).flatten()).squeeze(1)


@dataclass(frozen=True)
class Part:
    """Something that the method does: ``run`` is called ``times`` per step, or per call."""

    name: str
    times: int
    run: Callable[[], object]
    per: str = "step"


class LargestTensor(TorchDispatchMode):
    """Bytes of the largest tensor that operations made within it."""

    def __init__(self, known: set[int]) -> None:
        super().__init__()
        self.known, self.nbytes, self.shape = known, 0, ()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for each in found if isinstance(found, (tuple, list)) else (found,):
            if isinstance(each, Tensor) and each.device.type != "meta":
                nbytes = each.untyped_storage().nbytes()
                if nbytes > self.nbytes:
                    self.nbytes, self.shape = nbytes, tuple(each.shape)
        return found


def step_of(unet, setup: Setup, rows: int) -> float:
    """Seconds of one forward."""
    config, side = unet.config, setup.side // PIXELS_PER_LATENT
    place = dict(dtype=setup.dtype, device=setup.device)
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    added = {"text_embeds": torch.randn(rows, pooled, **place), "time_ids": torch.full((rows, 6), 512.0, **place)}
    given = torch.randn(rows, 4, side, side, **place), torch.tensor(500, device=setup.device)
    embeds = torch.randn(rows, WORDS, config.cross_attention_dim, **place)
    setup.synchronize()
    started = time.perf_counter()
    unet(*given, encoder_hidden_states=embeds, added_cond_kwargs=added)
    setup.synchronize()
    return time.perf_counter() - started


def layer_parts(case: Case, layers) -> Iterator[Part]:
    """Matching and blending, and what latent transfer reads, of each kind of layer."""
    size = (case.latent_side, case.latent_side)
    kinds = Counter((layer.grid(size)[0], layer.channels, layer.heads) for layer in layers)
    for (side, channels, heads), count in kinds.items():
        tokens, name = case.tokens(side), f"{side}x{side}, {channels} channels"
        query, base, key, value = (case.random(ROWS, side * side, channels) for _ in range(4))
        theirs = ReferenceTokens(key[0, tokens], value[0, tokens])
        settings = InfusionSettings(heads, tau=0.15, delta=10.0)

        def blend(base=base, query=query, theirs=theirs, settings=settings, tokens=tokens) -> None:
            infuse(base, query, theirs, settings, rows=slice(0, 3), targets=tokens)

        found = _no_matches(tokens, side)

        def collect(key=key, value=value, theirs=theirs, tokens=tokens, found=found) -> None:
            own = unit(key[1].index_select(0, tokens)), unit(value[1].index_select(0, tokens))
            found.add(
                similarity(own, (theirs.unit_key, theirs.unit_value)), torch.ones(len(tokens), device=tokens.device)
            )

        yield Part(f"match and blend, {name}", count, blend)
        yield Part(f"similarity, {name}", count, collect)


def step_parts(case: Case, layers) -> Iterator[Part]:
    """What runs once a step."""
    side = case.latent_side
    subject = case.subject(side).to(case.setup.dtype)[None, None]
    latents, noisy, guided, other, uncond = (case.random(1, 4, side, side) for _ in range(5))
    reference = ReferenceLatents(latents, subject, subject, subject_only=True)
    grids = sorted({layer.grid((side, side))[0] for layer in layers})
    matched = {grid * grid: _matches(case, grid) for grid in grids}
    level = NoiseLevel.from_alpha_bar(0.3, "epsilon")

    def transfer() -> None:
        transfer_latents(guided, noisy, [(matched, reference)], level=level, strength=0.9, tau=-1.0)

    def low_pass() -> None:
        how = dict(guidance_scale=5.0, strength=0.1, base="gen", low_pass_iterations=3, region=subject)
        bridge(uncond, guided, other, **how)

    yield Part("latent transfer", 1, transfer)
    yield Part("Delta-Bridge", 1, low_pass)


def _no_matches(tokens: Tensor, side: int) -> Correspondence:
    return Correspondence.empty(tokens, side * side, tokens, side * side, searched=False)


def _matches(case: Case, side: int) -> Correspondence:
    tokens = case.tokens(side)
    found = _no_matches(tokens, side)
    place = torch.stack([tokens // side, tokens % side]).float()
    alike = -torch.cdist(place.T, place.T)
    found.add(alike, torch.ones(len(tokens), device=tokens.device))
    return found


def call_parts(case: Case, layers) -> Iterator[Part]:
    """Prompt edits, which run once a call. layers: of cross-attention."""
    side = case.latent_side
    subject = case.subject(side).float()[None, None]
    kinds = Counter((layer.grid((side, side))[0], layer.channels, layer.heads, layer) for layer in layers)
    by_shape = {kind[:3]: kind[3] for kind in kinds}
    counts = Counter(kind[:3] for kind in kinds.elements())
    for shape, layer in by_shape.items():
        channels = layer.heads * layer.module.inner_dim // layer.heads
        query, key = case.random(shape[0] ** 2, channels), case.random(WORDS, channels)

        def read(query=query, key=key, layer=layer) -> None:
            _attention_by_side(query, key, layer, subject)

        yield Part(f"word attention, {shape[0]}x{shape[0]}, {channels} channels", counts[shape], read, "call")
    latents = torch.randn(1, 4, side, side, device=case.setup.device)
    colours = [Answer(latents + torch.randn(1, 4, 1, 1).to(latents) * subject, latents) for _ in range(EDITS - 1)]
    pattern = Answer(latents + torch.randn_like(latents) * subject, latents)
    yield Part(f"{EDITS} edits", 1, lambda: edit_latents(latents, subject, [*colours, pattern]), "call")
    yield Part("palette", 1, lambda: match_palette(latents, subject, latents, subject))


@torch.no_grad()
def measure(case: Case, part: Part, repeats: int) -> dict:
    """Seconds of all of a part's runs, and its largest tensor."""
    with LargestTensor(set()) as watch:
        part.run()
    seconds = []
    for _ in range(repeats):
        case.setup.synchronize()
        started = time.perf_counter()
        part.run()
        case.setup.synchronize()
        seconds.append(time.perf_counter() - started)
    return {
        "part": part.name,
        "per": part.per,
        "runs": part.times,
        "seconds": median(seconds) * part.times,
        "largest_mb": watch.nbytes / 2**20,
        "largest_shape": watch.shape,
    }


def report(case: Case, step: float, unet, repeats: int) -> dict:
    """All parts of one case."""
    own, cross = self_attention_layers(unet, ("mid", "up")), attention_layers(unet, "attn2")
    found = []
    for part in (*layer_parts(case, own), *step_parts(case, own), *call_parts(case, cross)):
        line = measure(case, part, repeats)
        line["share_of_step"] = line["seconds"] / step
        line["within"] = line["share_of_step"] <= MOST_TIME and line["largest_mb"] * 2**20 <= MOST_MEMORY
        found.append(line)
        print(
            f"{line['part']:44} {line['seconds']:9.3f} s  {line['share_of_step']:7.2%}  {line['largest_mb']:7.1f} MB"
            f"{'' if line['within'] else '   above'}",
            flush=True,
        )
    total = sum(line["seconds"] for line in found if line["per"] == "step")
    print(f"{'all of a step':44} {total:9.3f} s  {total / step:7.2%}", flush=True)
    return {
        "side": case.setup.side,
        "share": case.share,
        "step_s": step,
        "all_of_a_step": total / step,
        "parts": found,
    }


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", default="512,1024")
    parser.add_argument("--shares", default="0.3,0.9")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=DTYPES, default="bf16")
    parser.add_argument("--tiny", action="store_true", help="a tiny UNet and pictures of 128 px")
    parser.add_argument("--json", type=Path, help="also write the JSON here")
    arguments = parser.parse_args()
    sides = [128] if arguments.tiny else [int(side) for side in arguments.sides.split(",")]
    setup = Setup(sides[-1], arguments.device, arguments.precision)
    torch.manual_seed(0)
    unet = random_unet(setup, TINY if arguments.tiny else BLOCKS)
    step_of(unet, replace(setup, side=sides[0]), 1)  # warm-up
    cases = []
    for side in sides:
        here = replace(setup, side=side)
        step = step_of(unet, here, ROWS)
        print(f"\n{side} px: a step of {ROWS} rows takes {step:.2f} s", flush=True)
        for share in map(float, arguments.shares.split(",")):
            print(f"-- the subject covers {share:.0%}", flush=True)
            cases.append(report(Case(here, share), step, unet, arguments.repeats))
    text = json.dumps({"rows": ROWS, "precision": arguments.precision, "cases": cases}, indent=2)
    if arguments.json:
        arguments.json.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
