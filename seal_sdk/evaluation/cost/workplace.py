"""What all measurements of a run share: one model, one task, one store with the task's identity in it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from seal_sdk.backbone.loading import choose_device, choose_dtype, load_backbone
from seal_sdk.config import Structure
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines import Question
from seal_sdk.evaluation.cost.machine import machine_facts
from seal_sdk.evaluation.cost.random_models import random_pipeline
from seal_sdk.evaluation.cost.rows import counted_rows
from seal_sdk.evaluation.questions.triples import Triple, triples
from seal_sdk.identity import Identity
from seal_sdk.presets import PAPER
from seal_sdk.result import Generation
from seal_sdk.session import IdentitySession

SEED = 400_000
NAME = "subject"
FULL_SIZE = "full-size"
"""The model of `random_pipeline`."""


@dataclass(frozen=True)
class CostSetup:
    """What is measured, and how often.

    Attributes:
        model: As of `IdentitySession`, or `FULL_SIZE`: SDXL's UNet at its own size with random weights.
        subject: The session's subject finder.
        size: Pixels a side of what is drawn; None for the model's own, and 256 for `FULL_SIZE`.
        steps: Sampling steps.
        guidance: Guidance scale, above 1.
        repeats: How often everything is measured.
        device: As ``accelerator`` of `IdentitySession`.
        precision: As of `IdentitySession`. "auto" is, for `FULL_SIZE` on a CPU, bf16 where the CPU computes it natively, else fp32.
    """

    model: Any = "pocket"
    subject: str = "pocket"
    size: int | None = None
    steps: int = 20
    guidance: float = 5.0
    repeats: int = 3
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        for name in ("steps", "repeats"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)!r}: expected an integer >= 1.")
        if self.guidance <= 1:
            raise ConfigError(
                f"guidance={self.guidance!r}: expected a number above 1; without guidance there is less to compare."
            )

    @property
    def is_full_size(self) -> bool:
        """Whether the model is `FULL_SIZE`."""
        return isinstance(self.model, str) and self.model == FULL_SIZE


@dataclass(frozen=True, eq=False)
class Workplace:
    """A model and a task.

    Attributes:
        setup: As asked for, with the size that is drawn.
        pipe: The pipeline that all systems share.
        folder: An empty folder, which is gone after the run.
        triple: Reference, structure image and prompts.
        capture_rows: UNet rows of each forward of a registration.
        edit_rows: UNet rows of each forward of the first generation before its first step: reading the prompt's words in the reference.
        step_rows: UNet rows of each step of a generation.
    """

    setup: CostSetup
    pipe: Any
    folder: Path
    triple: Triple
    capture_rows: list[int] = field(default_factory=list)
    edit_rows: list[int] = field(default_factory=list)
    step_rows: list[int] = field(default_factory=list)

    @property
    def side(self) -> int:
        """Pixels a side of what is drawn."""
        assert self.setup.size is not None
        return self.setup.size

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        device: torch.device = self.pipe._execution_device
        return device

    @property
    def store(self) -> Path:
        """The store that has the task's identity."""
        return self.folder / "store"

    @contextmanager
    def session(self, store: Path | None = None, **given: Any) -> Iterator[IdentitySession]:
        """A session on this store, by default one with the task's identity. Its model's weights are hashed and its finder is loaded.

        given: further arguments of `IdentitySession`.
        """
        if self.setup.is_full_size:
            given = {"structure": PAPER.structure, **given}  # SDXL's own, at any size
        with IdentitySession(
            self.pipe, store=store or self.store, subject=self.setup.subject, enable_progress_bar=False, **given
        ) as session:
            session.backbone.fingerprint()
            _ = session.segmenter
            yield session

    @contextmanager
    def empty_store(self) -> Iterator[Path]:
        """A store of its own, gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.folder) as store:
            yield Path(store)

    def register(self, session: IdentitySession, **given: Any) -> Identity:
        """Register the task's reference. given: arguments of ``session.register`` in the place of the task's."""
        known = dict(
            image=self.triple.reference.image,
            prompt=self.triple.reference_prompt,
            name=NAME,
            num_inference_steps=self.setup.steps,
        )
        return session.register(**{**known, **given})

    def generate(self, session: IdentitySession, **given: Any) -> Generation:
        """Draw the task's picture. given: arguments of ``session.generate`` in the place of the task's."""
        known = dict(
            structure=self.triple.structure.image,
            prompt=self.triple.prompt,
            identity=NAME,
            structure_prompt=self.triple.structure_prompt,
            num_inference_steps=self.setup.steps,
            guidance_scale=self.setup.guidance,
            height=self.side,
            width=self.side,
            seed=SEED,
        )
        return session.generate(**{**known, **given})

    def draw_plain(self, steps: int | None = None, size: int | None = None, images: int = 1, **given: Any) -> Any:
        """The prompt alone by diffusers' own pipeline. given: further arguments of it."""
        side = size or self.side
        return self.pipe(
            self.triple.prompt,
            num_inference_steps=steps or self.setup.steps,
            guidance_scale=self.setup.guidance,
            height=side,
            width=side,
            num_images_per_prompt=images,
            generator=[torch.Generator().manual_seed(SEED + number) for number in range(images)],
            **given,
        )

    def question(self, identity: Identity) -> Question:
        """The task for baselines. They are told where the structure image's subject is: their papers have no subject finder."""
        return Question(
            structure=Image.fromarray(self.triple.structure.image),
            prompt=self.triple.prompt,
            identity=identity,
            structure_prompt=self.triple.structure_prompt,
            structure_mask=self.triple.structure.mask,
            seed=SEED,
            size=(self.side, self.side),
            steps=self.setup.steps,
            guidance_scale=self.setup.guidance,
            control=PAPER.structure if self.setup.is_full_size else Structure(),
        )

    def facts(self) -> dict[str, Any]:
        """What the figures depend on."""
        given = {name: value for name, value in vars(self.setup).items() if name != "model"}
        return {
            "model": self.setup.model if isinstance(self.setup.model, str) else type(self.setup.model).__name__,
            **given,
            **machine_facts(self.pipe),
        }


@contextmanager
def open_workplace(setup: CostSetup) -> Iterator[Workplace]:
    """Load the model, register the task's reference, and draw once, so that nothing is measured for the first time.

    Raises ConfigError, WeightsNotFound, UnsupportedModel, SizeError, or SubjectNotFound where the finder finds nobody in the task.
    """
    pipe = _load(setup)
    pipe.set_progress_bar_config(disable=True)
    size, _ = load_backbone(pipe).geometry.check_size(setup.size, setup.size)
    (triple,) = triples([SEED], ("mesh",), size)
    with tempfile.TemporaryDirectory(prefix="seal-cost-") as folder:
        place = Workplace(replace(setup, size=size), pipe, Path(folder), triple)
        with place.session() as session:
            with counted_rows(pipe.unet) as rows:
                place.register(session)
            place.capture_rows.extend(rows)
            with counted_rows(pipe.unet) as rows:
                place.generate(session)
            place.edit_rows.extend(rows[: -setup.steps])
            place.step_rows.extend(rows[-setup.steps :])
        yield place


def forget_page_cache(store: Path) -> None:
    """Make the kernel forget the bytes of a store's blobs, so that the disk is read. On Linux alone."""
    if not sys.platform.startswith("linux"):
        return
    for path in filter(Path.is_file, (store / "blobs").rglob("*")):
        with path.open("rb") as blob:
            os.posix_fadvise(blob.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _load(setup: CostSetup) -> Any:
    device = choose_device(setup.device)
    if setup.is_full_size:
        return random_pipeline(setup.size or 256, device, _full_size_dtype(setup.precision, device))
    return load_backbone(setup.model, setup.device, setup.precision).pipe


def _full_size_dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "auto" and device.type == "cpu":
        return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32
    return choose_dtype(precision, device, 0)
