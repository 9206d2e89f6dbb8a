"""Options that the benchmark's subcommands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from seal_sdk.cli.options import Command, json_option

if TYPE_CHECKING:
    from seal_sdk.evaluation import Setup
    from seal_sdk.evaluation.cost.workplace import CostSetup


SCHEDULERS = ("ddim", "euler", "euler-ancestral", "dpm++2m", "dpm++2m-karras", "unipc", "lcm", "tcd")
"""`seal_sdk.evaluation.schedulers.SCHEDULERS`; named here so that the help loads no torch."""
FILE = click.Path(path_type=Path, dir_okay=False)


class SeedRange(click.ParamType[range]):
    """Seeds of the world, START:STOP or a single one."""

    name = "start:stop"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> range:
        """The seeds of the option's text."""
        if isinstance(value, range):
            return value
        match = re.fullmatch(r"(\d+)(?::(\d+))?", str(value))
        seeds = range(int(match[1]), int(match[2] or int(match[1]) + 1)) if match else range(0)
        return seeds if seeds else self.fail(f"{value!r} is no range of seeds such as 400000:400020", param, ctx)


class IntegerList(click.ParamType[tuple[int, ...]]):
    """Whole numbers from 1 on, split at commas."""

    name = "n,n,..."

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers of the option's text."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        if not all(word.isdecimal() and int(word) > 0 for word in words):
            self.fail(f"{value!r}: expected whole numbers from 1 on, such as 1,2,4", param, ctx)
        return tuple(int(word) for word in words)


def writable(_context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    """A click callback: the file's folder has to exist."""
    if value is not None and not value.absolute().parent.is_dir():
        raise click.BadParameter(f"the folder {value.absolute().parent} does not exist.")
    return value


seeds_option = click.option(
    "--seeds",
    type=SeedRange(),
    default="400000:400020",
    show_default=True,
    help="400000:500000 are for choosing settings, 500000 and on for reporting.",
)


def kinds_of(default: str) -> Callable[[Any], Any]:
    """``--kinds`` with this default."""
    return click.option("--kinds", default=default, show_default=True, help="Structure kinds.")


kinds_option = kinds_of("mesh,depth,pose")
model_option = click.option(
    "--model", default="pocket", show_default=True, help="What the session opens: it must know the world."
)
subject_option = click.option("--subject", default="pocket", show_default=True, help="The session's subject finder.")
report_option = click.option(
    "--report", "report_file", type=FILE, callback=writable, help="Write an HTML page that opens offline."
)


def run_options(command: Command, kinds: Callable[[Any], Any] = kinds_option) -> Command:
    """Add the options for questions, model, sampling and results of quality, ablations and paper-claims."""
    options = (
        seeds_option,
        kinds,
        click.option(
            "--boxes",
            type=click.Choice(("sam", "true")),
            default="sam",
            show_default=True,
            help="Who says where the subjects are.",
        ),
        model_option,
        subject_option,
        click.option("--steps", type=click.IntRange(1), help="Sampling steps; default: the model's."),
        click.option("--scheduler", type=click.Choice(SCHEDULERS), help="Default: the model's own."),
        click.option("--guidance", type=float, help="Guidance scale; default: the model's."),
        click.option("--size", type=click.IntRange(32), help="Pixels a side of all images; default: the model's."),
        click.option(
            "--scores",
            type=FILE,
            callback=writable,
            help="Keep each picture's scores here, one JSON object a line, and its picture beside; "
            "what is there already is not drawn again.",
        ),
        report_option,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def seed_options(command: Command) -> Command:
    """Add the options of pairs and references."""
    options = (
        seeds_option,
        click.option("--kind", default="mesh", show_default=True, help="Structure kind."),
        model_option,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


class RunSettings(TypedDict):
    """Arguments of `measure_quality`."""

    kinds: tuple[str, ...]
    setup: Setup
    scores: Path | None


def run_settings(options: Mapping[str, Any]) -> RunSettings:
    """The values of `run_options` as arguments of `measure_quality`."""
    from seal_sdk.evaluation import Setup

    kinds = tuple(filter(None, options["kinds"].split(",")))
    names = ("boxes", "model", "subject", "steps", "guidance", "size", "scheduler")
    setup = Setup(**{name: options[name] for name in names})
    return {"kinds": kinds, "setup": setup, "scores": options["scores"]}


def cost_options(command: Command) -> Command:
    """Add the options of speed and growth: model, picture and how often."""
    options = (
        click.option(
            "--model",
            default="pocket",
            show_default=True,
            help="What the session opens; see --full-size for SDXL's size.",
        ),
        click.option(
            "--full-size",
            is_flag=True,
            help="SDXL's UNet with random weights (2.57 billion), with a small VAE and small text encoders.",
        ),
        subject_option,
        click.option(
            "--size", type=click.IntRange(32), help="Pixels a side; default: the model's, 256 with --full-size."
        ),
        click.option("--steps", type=click.IntRange(1), default=20, show_default=True, help="Sampling steps."),
        click.option("--guidance", type=float, default=5.0, show_default=True, help="Guidance scale, above 1."),
        click.option(
            "--repeats", type=click.IntRange(1), default=3, show_default=True, help="How often all is measured."
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, gpu, cuda:N or mps."),
        click.option(
            "--precision",
            type=click.Choice(("auto", "fp32", "fp16", "bf16")),
            default="auto",
            show_default=True,
            help="With --full-size on a CPU auto is bf16 where that is native, else fp32.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def cost_setup(options: Mapping[str, Any]) -> CostSetup:
    """The values of `cost_options` as what is measured."""
    from seal_sdk.evaluation.cost.workplace import FULL_SIZE, CostSetup

    given = {name: value for name, value in options.items() if name != "full_size"}
    return CostSetup(**{**given, **({"model": FULL_SIZE} if options["full_size"] else {})})
