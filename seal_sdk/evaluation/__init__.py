"""The exact benchmark: methods scored against the true pictures of the embedded model's world.

``seal bench quality`` runs it; `triples` says what is asked, `metrics` what is measured, `methods`
what is compared.
"""

from __future__ import annotations

from seal_sdk.evaluation.bench import run
from seal_sdk.evaluation.joints import find_joints, load_joint_finder
from seal_sdk.evaluation.measures import MEASURES, measure
from seal_sdk.evaluation.methods import METHODS, Method, parse_method, parse_methods
from seal_sdk.evaluation.metrics import METRICS, Metric, scores
from seal_sdk.evaluation.quality import Results, Setup, measure_quality
from seal_sdk.evaluation.report import report
from seal_sdk.evaluation.score import Score
from seal_sdk.evaluation.scorebook import ScoreBook
from seal_sdk.evaluation.segmenter import load_segmenter, subject_mask
from seal_sdk.evaluation.sheet import contact_sheet
from seal_sdk.evaluation.summary import summarize, table
from seal_sdk.evaluation.triples import KINDS, Triple, triples

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
