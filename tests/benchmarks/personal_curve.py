"""How good the baselines that learn each subject are after so many steps of training, for choosing their settings.

    python tests/benchmarks/personal_curve.py dreambooth-lora --steps 50,100,200,400 [--set learning_rate=1e-3 prior=0]
    python tests/benchmarks/personal_curve.py textual-inversion --steps 100,200,400 [--conflict color] [--pictures folder]

One training serves all numbers of steps, since the learning rate is constant. Questions are those of `seal bench quality --kinds mesh`, and
with --conflict those of that kind instead. Prints a table, one line for each number of steps; --set takes fields of the baseline's settings
and of its `Fitting`.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from seal_sdk import Identity, IdentitySession
from seal_sdk.evaluation import METHODS, Score, Triple, run, triples
from seal_sdk.evaluation.baselines import Question
from seal_sdk.evaluation.baselines.dreambooth_lora import DreamBooth
from seal_sdk.evaluation.baselines.personal import LearnedSubject, draw_learned
from seal_sdk.evaluation.baselines.textual_inversion import TextualInversion
from seal_sdk.evaluation.questions.conflicts import CONFLICTS, conflicting
from seal_sdk.evaluation.session import benchmark_session

BASELINES = {"dreambooth-lora": DreamBooth(), "textual-inversion": TextualInversion()}
SHOWN = "subject_error", "subject_color_error", "pattern_error", "structure_iou", "scene_error", "color_success"
COSTS = "seconds", "trained_rows", "nbytes"


class Course:
    """A `Drawer` that draws with what was learned after any of some numbers of steps; ``at`` says which is drawn next."""

    def __init__(self, session: IdentitySession, baseline: Any, steps: list[int]) -> None:
        self._session, self._baseline, self._steps, self.at = session, baseline, steps, 0
        self.learned: dict[Identity, list[LearnedSubject]] = {}

    def prepare(self, identity: Identity) -> int:
        if identity not in self.learned:
            self.learned[identity] = self._baseline.learn(self._session, identity, self._steps)
        return self.learned[identity][self.at].nbytes

    def draw(self, question: Question) -> np.ndarray:
        self.prepare(question.identity)
        return draw_learned(self._session, self._baseline, question, self.learned[question.identity][self.at])


def change(baseline: Any, settings: list[str]) -> Any:
    """The baseline with settings such as "rank=4", of its own or of its training."""
    for name, _, value in (each.partition("=") for each in settings):
        given = {name: ast.literal_eval(value)}
        own = name in {field.name for field in fields(baseline)}
        baseline = replace(baseline, **(given if own else {"fitting": replace(baseline.fitting, **given)}))
    return baseline


def measure(session: IdentitySession, course: Course, name: str, asked: list[Triple], count: int) -> Iterator[Score]:
    """The scores of each question after each number of steps, question by question; first that of the plain structure."""
    for triple in tqdm(asked, unit="subject", disable=None):
        yield from run(session, [triple], [METHODS["structure"]])
        for course.at in range(count):
            yield from run(session, [triple], [METHODS[name]], drawers={name: course})


def line(name: str, scores: list[Score], learned: list[LearnedSubject]) -> str:
    shown = [f"{mean(each.values[metric] for each in scores):.2f}" for metric in SHOWN if metric in scores[0].values]
    costs = [f"{mean(getattr(each, cost) for each in learned):.0f}" if learned else "" for cost in COSTS]
    return f"| {name} | {' | '.join(shown + costs)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("baseline", choices=BASELINES)
    parser.add_argument("--seeds", default="400000:400004")
    parser.add_argument("--steps", default="50,100,200")
    parser.add_argument("--set", nargs="*", default=[], metavar="SETTING=VALUE")
    parser.add_argument("--conflict", choices=CONFLICTS)
    parser.add_argument("--pictures", type=Path, help="A folder for the pictures.")
    given = parser.parse_args()
    steps, seeds = [int(each) for each in given.steps.split(",")], range(*map(int, given.seeds.split(":")))
    asked = list(triples(seeds, ("mesh",)))
    asked = list(conflicting(asked, given.conflict)) if given.conflict else asked
    with benchmark_session("pocket", "pocket") as session:
        course = Course(session, change(BASELINES[given.baseline], given.set), steps)
        scores = list(measure(session, course, given.baseline, asked, len(steps)))
    each = len(steps) + 1
    names = [metric for metric in SHOWN if metric in scores[0].values]
    print(f"| steps | {' | '.join([*names, *COSTS])} |\n{'|---' * (1 + len(names) + len(COSTS))}|")
    print(line("none", scores[::each], []))
    for index, count in enumerate(steps):
        print(line(str(count), scores[index + 1 :: each], [learned[index] for learned in course.learned.values()]))
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
        for index, triple in enumerate(asked):
            row = [triple.reference.image, triple.truth.image, *(one.image for one in scores[index * each :][:each])]
            Image.fromarray(np.concatenate(row, 1)).save(given.pictures / f"{triple.seed}.png")


if __name__ == "__main__":
    main()
