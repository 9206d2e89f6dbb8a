"""Draws every case of datasets with every method, in one session whose identities are gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.errors import SubjectNotFound
from seal_sdk.evaluation.baselines.ip_adapter import NAME, Adapter, IpAdapter
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.painter import Ask, Painter
from seal_sdk.evaluation.paper.dataset import Case, Dataset, read_mask
from seal_sdk.evaluation.paper.gallery import Gallery
from seal_sdk.recipe import model_recipe
from seal_sdk.session import IdentitySession
from seal_sdk.sizes import check_size
from seal_sdk.subject.weight_files import file_digest


@dataclass(frozen=True)
class Setup:
    """With what all methods draw.

    model, subject: of the session. steps, guidance: None for the model's own. adapter_scale: of `Adapter`.
    """

    model: str = "pocket"
    subject: str = "sam"
    steps: int | None = None
    guidance: float | None = None
    adapter_scale: float = 0.6


def draw_datasets(
    datasets: Sequence[Dataset],
    methods: Sequence[Method],
    gallery: Gallery,
    setup: Setup = Setup(),
    adapter: Adapter | None = None,
) -> None:
    """Draw what the gallery lacks; progress is shown on a terminal. adapter: for the IP-Adapter baseline, if asked for.

    Raises SubjectNotFound, which names the case, where nobody is found and no mask says where; what
    ``IdentitySession`` and `Gallery.has` raise.
    """
    total = sum(len(dataset.cases) for dataset in datasets) * len(methods)
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(setup.model, store=store, subject=setup.subject, enable_progress_bar=False) as session,
        tqdm(total=total, unit="picture", disable=None) as bar,
    ):
        artist = _Artist(session, setup, gallery, adapter)
        for dataset in datasets:
            for case in dataset.cases:
                for method in methods:
                    artist.draw(dataset, case, method)
                    bar.update()


class _Artist:
    """Draws one picture after the other, unless the gallery has it."""

    def __init__(self, session: IdentitySession, setup: Setup, gallery: Gallery, adapter: Adapter | None) -> None:
        self._session, self._setup, self._gallery = session, setup, gallery
        self._sampling = {
            "num_inference_steps": setup.steps or session.sampling_defaults.num_inference_steps,
            "guidance_scale": session.sampling_defaults.guidance_scale if setup.guidance is None else setup.guidance,
        }
        self._weights = model_recipe(session.pipe, Fingerprints())
        baseline = adapter and IpAdapter(session.pipe, lambda: session.finder, adapter)
        self._adapter = baseline and baseline.facts()
        self._painter = Painter(session, self._sampling, {NAME: baseline.draw} if baseline else {})

    def draw(self, dataset: Dataset, case: Case, method: Method) -> None:
        path, facts = self._gallery.path(dataset, case, method), self._facts(dataset, case, method)
        if self._gallery.has(path, facts):
            return
        try:
            image, _ = self._painter.draw(self._ask(dataset, case), method)
        except SubjectNotFound as error:
            raise SubjectNotFound(
                f"{dataset.folder}, cases[{case.number}] ({case.name}): {error} In dataset.yaml, say where: mask: FILE."
            ) from error
        self._gallery.add(path, Image.fromarray(image), facts)

    def _ask(self, dataset: Dataset, case: Case) -> Ask:
        reference, structure = case.reference, case.structure
        return Ask(
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
            told=True,  # a dataset's masks are its word; where it has none, the finder is asked
        )

    def _facts(self, dataset: Dataset, case: Case, method: Method) -> dict[str, Any]:
        """All that a picture depends on, as plain data; files are named by their content."""
        reference, structure = case.reference, case.structure
        facts = {
            "dataset": dataset.name,
            "case": case.name,
            "prompt": case.prompt,
            "seed": case.seed,
            "size": list(dataset.size or check_size(self._session.pipe, None, None)),
            "reference": _file_facts(reference.image, reference.mask) | {"prompt": reference.prompt},
            "structure": _file_facts(structure.image, structure.mask) | {"prompt": structure.prompt},
            "method": asdict(method),
            "sampling": self._sampling,
            "subject": self._setup.subject,
            "model": self._weights,
        }
        return facts | ({"adapter": self._adapter} if method.baseline == NAME else {})


def _file_facts(image: Path, mask: Path | None) -> dict[str, str | None]:
    return {"image": file_digest(image), "mask": mask and file_digest(mask)}
