"""The exact benchmark: methods scored against the true pictures of the embedded model's world.

``python -m seal_sdk.evaluation --help`` runs it; `triples` says what is asked, `metrics` what is measured, `methods`
what is compared.
"""

from __future__ import annotations

from seal_sdk.evaluation.bench import Score, run
from seal_sdk.evaluation.methods import METHODS, Method, parse_method, parse_methods
from seal_sdk.evaluation.metrics import METRICS, Metric, scores
from seal_sdk.evaluation.segmenter import load_segmenter, subject_mask
from seal_sdk.evaluation.sheet import contact_sheet
from seal_sdk.evaluation.summary import summarize, table
from seal_sdk.evaluation.triples import KINDS, Triple, triples

__all__ = [
    "KINDS",
    "METHODS",
    "METRICS",
    "Method",
    "Metric",
    "Score",
    "Triple",
    "contact_sheet",
    "load_segmenter",
    "parse_method",
    "parse_methods",
    "run",
    "scores",
    "subject_mask",
    "summarize",
    "table",
    "triples",
]
