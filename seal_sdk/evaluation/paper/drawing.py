"""Generates every case of some datasets with every method, in one session with a temporary store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from seal_sdk.errors import SubjectNotFound
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import NAME, Adapter, ControlNetPipeline
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Drawing, Painter
from seal_sdk.evaluation.paper.dataset import Case, Dataset, read_mask
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.segmentation.weight_files import file_digest
from seal_sdk.session import IdentitySession


@dataclass(frozen=True)
class Setup:
    """Settings that all methods share.

    Attributes:
        model: The model that the session opens.
        subject: The session's subject segmenter.
        steps: Sampling steps; None for the model's default.
        guidance: Guidance scale; None for the model's default.
        adapter_scale: Scale of the IP-Adapter, 0 to 1.
    """

    model: str = "pocket"
    subject: str = "sam"
    steps: int | None = None
    guidance: float | None = None
    adapter_scale: float = 0.6


DEFAULTS = Setup()


def draw_datasets(
    datasets: Sequence[Dataset],
    methods: Sequence[Method],
    gallery: Gallery,
    setup: Setup = DEFAULTS,
    adapter: Adapter | None = None,
) -> None:
    """Generate the images that the gallery lacks. Shows progress on a terminal.

    Args:
        datasets: What is asked for.
        methods: What is compared.
        gallery: Where the images are stored.
        setup: Settings that all methods share.
        adapter: Weights of ControlNet and IP-Adapter, if that baseline is among the methods.

    Raises:
        SubjectNotFound: If a case has no mask and its subject is not found. The message names the case.
        ConfigError: If the gallery holds images of another run.
    """
    total = sum(len(dataset.cases) for dataset in datasets) * len(methods)
    with (
        benchmark_session(setup.model, setup.subject) as session,
        tqdm(total=total, unit="picture", disable=None) as bar,
    ):
        painter = _GalleryPainter(session, setup, gallery, adapter)
        painter.open(methods)
        for dataset in datasets:
            for case in dataset.cases:
                for method in methods:
                    painter.draw(dataset, case, method)
                    bar.update()


class _GalleryPainter:
    """Generates images one after the other and adds them to the gallery, unless it has them."""

    def __init__(self, session: IdentitySession, setup: Setup, gallery: Gallery, adapter: Adapter | None) -> None:
        self._session, self._setup, self._gallery = session, setup, gallery
        self._sampling = {
            "num_inference_steps": setup.steps or session.sampling_defaults.num_inference_steps,
            "guidance_scale": session.sampling_defaults.guidance_scale if setup.guidance is None else setup.guidance,
        }
        self._weights = session.backbone.fingerprint()
        baseline = ControlNetPipeline(session, adapter) if adapter else None
        self._painter = Painter(session, self._sampling, {NAME: baseline} if baseline else {})

    def open(self, methods: Sequence[Method]) -> None:
        """As of `Painter`."""
        self._painter.open(methods)

    def draw(self, dataset: Dataset, case: Case, method: Method) -> None:
        """Generate the image of a case with a method."""
        path, facts = self._gallery.path(dataset, case, method), self._facts(dataset, case, method)
        if self._gallery.has(path, facts):
            return
        try:
            image, _ = self._painter.draw(self._drawing(dataset, case), method)
        except SubjectNotFound as error:
            raise SubjectNotFound(
                f"{dataset.folder}, cases[{case.number}] ({case.name}): {error} In dataset.yaml, say where: mask: FILE."
            ) from error
        self._gallery.add(path, Image.fromarray(image), facts)

    def _drawing(self, dataset: Dataset, case: Case) -> Drawing:
        reference, structure = case.reference, case.structure
        return Drawing(
            name=f"subject {reference.key}",
            reference=reference.image,
            reference_prompt=reference.prompt,
            structure=structure.image,
            structure_prompt=structure.prompt,
            prompt=case.prompt,
            seed=case.seed,
            size=dataset.size,
            reference_mask=read_mask(reference.image, reference.mask),
            structure_mask=read_mask(structure.image, structure.mask),
            masks_given=True,  # the dataset's masks take precedence; the segmenter is used only without them
        )

    def _facts(self, dataset: Dataset, case: Case, method: Method) -> dict[str, Any]:
        """Everything that an image depends on, as plain JSON. Files are given by the digest of their content."""
        reference, structure = case.reference, case.structure
        own = self._painter.facts(method)
        facts = {
            "dataset": dataset.name,
            "case": case.name,
            "prompt": case.prompt,
            "seed": case.seed,
            "size": list(dataset.size or self._session.backbone.geometry.check_size(None, None)),
            "reference": _file_facts(reference.image, reference.mask) | {"prompt": reference.prompt},
            "structure": _file_facts(structure.image, structure.mask) | {"prompt": structure.prompt},
            "method": asdict(method),
            "sampling": self._sampling,
            "subject": self._setup.subject,
            "model": self._weights,
        }
        return facts | ({"baseline": own} if own else {})


def _file_facts(image: Path, mask: Path | None) -> dict[str, str | None]:
    return {"image": file_digest(image), "mask": file_digest(mask) if mask else None}
