"""Scores in a file, one JSON object per line, so that an interrupted run can be continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.metrics.measures import MEASURES
from seal_sdk.evaluation.questions.triples import Triple
from seal_sdk.evaluation.score import Score

_FACTS = ("question", "seed", "kind", "method", "told", "settings")


class ScoreBook:
    """The scores in a file.

    Rows of another setup, of other settings of a method, or with other measures than `MEASURES` are never mixed with
    new ones. An incomplete last line is dropped.

    Args:
        path: The file; it is created if needed. The images are stored beside it in ``<path>.pictures``.
        setup: Plain JSON: everything that determines the scores besides question and method.

    Raises:
        ConfigError: If the file holds something else than scores.
    """

    def __init__(self, path: Path, setup: Mapping[str, Any]) -> None:
        self._path, self._setup = path, setup
        self._pictures = path.with_name(path.name + ".pictures")
        self._rows = {_key(row): row for row in _read(path)}
        self._pictures.mkdir(parents=True, exist_ok=True)

    def find(self, triple: Triple, method: Method, facts: Mapping[str, Any]) -> Score | None:
        """The score of this question and method, None if it is not there.

        facts: What the method's pictures depend on besides its settings and the setup, as of `Painter.facts`.
        Raises ConfigError if these or its settings differ.
        """
        row = self._rows.get((triple.task, triple.seed, triple.kind, method.name))
        if row is None:
            return None
        if row["settings"] != self._digest(method, facts):
            raise ConfigError(
                f"{self._path} holds {method.name!r} of seed {triple.seed}, drawn with another model, sampling or "
                "defaults, or measured otherwise: "
                "name another --scores file, or remove this one."
            )
        values = {name: value for name, value in row.items() if name not in _FACTS}
        return Score(triple.seed, triple.kind, method.name, self._picture(triple, method), values, row["told"])

    def add(self, triple: Triple, method: Method, score: Score, facts: Mapping[str, Any]) -> None:
        """Write a score and its image immediately. facts: as of `find`."""
        Image.fromarray(score.image).save(self._place(triple, method), compress_level=1)
        known = (triple.task, score.seed, score.kind, score.method, score.told, self._digest(method, facts))
        row = dict(zip(_FACTS, known, strict=True)) | score.values
        with open(self._path, "a") as file:
            print(json.dumps(row), file=file)
        self._rows[_key(row)] = row

    def _picture(self, triple: Triple, method: Method) -> np.ndarray:
        place = self._place(triple, method)
        if not place.is_file():  # scores are valid without it; the contact sheet then shows a grey square
            return np.full_like(triple.truth.image, 127)
        return np.asarray(Image.open(place).convert("RGB"))

    def _place(self, triple: Triple, method: Method) -> Path:
        name = quote(method.name, safe="=,.+-_")
        return self._pictures / f"{triple.task}-{triple.seed}-{triple.kind}-{name}.png"

    def _digest(self, method: Method, facts: Mapping[str, Any]) -> str:
        measures = [metric.name for metric in MEASURES]
        own = {"baseline": facts} if facts else {}
        return digest({"setup": self._setup, "method": asdict(method), "measures": measures} | own)[:16]


def digest(facts: Mapping[str, Any]) -> str:
    """SHA-256 of plain JSON, as 64 hex digits."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _key(row: Mapping[str, Any]) -> tuple[str, int, str, str]:
    return row["question"], row["seed"], row["kind"], row["method"]


def _read(path: Path) -> list[dict[str, Any]]:
    """The file's complete lines. An incomplete last line is removed from the file."""
    text = path.read_text() if path.exists() else ""
    whole, newline, torn = text.rpartition("\n")
    try:
        rows = [json.loads(line) for line in whole.splitlines()]
        if any(not set(_FACTS) <= set(row) for row in rows):
            raise ValueError
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path} is no file of scores: name another --scores file.") from error
    if torn:
        path.write_text(whole + newline)
    return rows
