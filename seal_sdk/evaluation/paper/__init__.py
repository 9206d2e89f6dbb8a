"""The paper's benchmark on real images: datasets in folders, the paper's metrics, and its table.

``seal bench folder`` runs it. `dataset` says what a folder holds, `scorers` what is measured, `methods` what is compared.
"""

from __future__ import annotations

from seal_sdk.evaluation.paper.adapter import NAMES
from seal_sdk.evaluation.paper.dataset import Case, Dataset, Reference, StructureImage, read_dataset
from seal_sdk.evaluation.paper.drawing import Setup
from seal_sdk.evaluation.paper.methods import PAPER_METHODS, parse_paper_methods
from seal_sdk.evaluation.paper.run import measure_folders
from seal_sdk.evaluation.paper.scorers import SCORERS, parse_metrics, parse_weights
from seal_sdk.evaluation.paper.scorers.scorer import Scorer
from seal_sdk.evaluation.paper.table import summarize_cases, table_lines

WEIGHTS = (*SCORERS, *NAMES)  # names that --weights accepts

__all__ = [
    "PAPER_METHODS",
    "SCORERS",
    "WEIGHTS",
    "Case",
    "Dataset",
    "Reference",
    "Scorer",
    "Setup",
    "StructureImage",
    "measure_folders",
    "parse_metrics",
    "parse_paper_methods",
    "parse_weights",
    "read_dataset",
    "summarize_cases",
    "table_lines",
]
