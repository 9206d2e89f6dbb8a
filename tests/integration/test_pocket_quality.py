"""Whether the embedded model is good enough to show and to measure identity; small samples of what the benchmark measures."""

from __future__ import annotations

import numpy as np
import pytest
from judge.classifier import judge
from judge.draw import rates
from judge.train import accuracy

from seal_sdk import IdentitySession
from seal_sdk.evaluation.methods import parse_methods
from seal_sdk.evaluation.networks.segmenter import load_segmenter, subject_mask
from seal_sdk.evaluation.questions.conflicts import recoloured
from seal_sdk.evaluation.questions.triples import triples
from seal_sdk.evaluation.tasks.scoring import run


def test_the_judge_is_right_about_held_out_pictures():
    species, scenes = accuracy(200)
    assert species >= 0.99 and scenes >= 0.99


def test_plain_prompts_draw_the_species_the_scene_and_the_colour():
    found, _ = rates(40)
    assert found["species"] >= 0.9 and found["scene"] >= 0.95 and found["color"] >= 0.8, found


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Mean score by method and metric on six pictures of the validation seeds."""
    with IdentitySession("pocket", store=tmp_path_factory.mktemp("store"), enable_progress_bar=False) as session:
        found = run(session, triples(range(400_100, 400_103), ("mesh", "depth")), parse_methods("structure seal"))

    def mean(method: str, metric: str) -> float:
        return float(np.mean([score.values[metric] for score in found if score.method == method]))

    return mean


def test_the_identity_is_kept(scores):
    assert scores("seal", "subject_error") <= 0.55 * scores("structure", "subject_error")
    assert scores("seal", "subject_color_error") <= 0.5 * scores("structure", "subject_color_error")


def test_the_structure_image_is_followed(scores):
    assert scores("structure", "structure_iou") >= 0.5
    assert scores("seal", "structure_iou") >= scores("structure", "structure_iou") - 0.06


def test_a_prompt_changes_the_colour_it_names_and_leaves_the_rest(tmp_path):
    asked = recoloured(triples(range(400_100, 400_106), ("mesh",)))
    with IdentitySession("pocket", store=tmp_path, enable_progress_bar=False) as session:
        found = [score.values for score in run(session, asked, parse_methods("seal"))]
    assert np.mean([each["color_change"] for each in found]) >= 0.6
    assert np.mean([each["color_rest"] for each in found]) <= 28
    assert np.mean([each["color_success"] for each in found]) >= 0.6


def test_without_a_structure_image_the_subject_still_stands_on_its_scene(tmp_path):
    """Ten pictures: the species and the scene are there, and the subject is neither lost nor plumper than the model draws its kind."""
    asked = list(triples(range(400_100, 400_110), ("mesh",)))
    images, plain = [], []
    with IdentitySession("pocket", store=tmp_path, enable_progress_bar=False) as session:
        for each in asked:
            photo = each.reference
            session.register(photo.image, prompt=each.reference_prompt, mask=photo.mask)
            images.append(np.asarray(session.generate(None, each.prompt, seed=each.seed).image))
            plain.append(np.asarray(session.generate(None, each.prompt, seed=each.seed, identity=False).image))
    told = judge(np.stack(images))
    assert np.mean([scene == each.scene.name for (_, scene), each in zip(told, asked, strict=True)]) >= 0.8
    assert np.mean([species == each.identity.species for (species, _), each in zip(told, asked, strict=True)]) >= 0.6
    segmenter = load_segmenter()
    shares, usual = ([subject_mask(segmenter, image).mean() for image in drawn] for drawn in (images, plain))
    assert min(shares) >= 0.03 and max(shares) <= 0.45, shares
    assert np.mean(shares) <= 1.07 * np.mean(usual), (shares, usual)
