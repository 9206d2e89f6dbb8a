"""The exact benchmark: methods are scored against ground truth that the embedded model's world renders.

``seal bench quality`` runs it. `questions` says what is asked, `methods` what is compared, `metrics` what is measured,
`tasks` how it runs and `reports` how results are shown; `paper` scores real images with the paper's metrics, `cost` measures time,
rows and memory.
"""

from __future__ import annotations

from seal_sdk.evaluation.methods import METHODS, Method, parse_method, parse_methods
from seal_sdk.evaluation.metrics.measures import MEASURES, measure
from seal_sdk.evaluation.metrics.metric import Metric
from seal_sdk.evaluation.metrics.truth import METRICS, scores
from seal_sdk.evaluation.networks.joints import find_joints, load_joint_finder
from seal_sdk.evaluation.networks.segmenter import load_segmenter, subject_mask
from seal_sdk.evaluation.questions.triples import KINDS, Triple, triples
from seal_sdk.evaluation.reports.quality import report
from seal_sdk.evaluation.reports.sheet import contact_sheet
from seal_sdk.evaluation.reports.table import table
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
from seal_sdk.evaluation.statistics import summarize
from seal_sdk.evaluation.tasks.quality import Results, Setup, measure_quality, measure_wordings
from seal_sdk.evaluation.tasks.scoring import run

__all__ = [
    "KINDS",
    "MEASURES",
    "METHODS",
    "METRICS",
    "Method",
    "Metric",
    "Results",
    "Score",
    "ScoreBook",
    "Setup",
    "Triple",
    "contact_sheet",
    "find_joints",
    "load_joint_finder",
    "load_segmenter",
    "measure",
    "measure_quality",
    "measure_wordings",
    "parse_method",
    "parse_methods",
    "report",
    "run",
    "scores",
    "subject_mask",
    "summarize",
    "table",
    "triples",
]
