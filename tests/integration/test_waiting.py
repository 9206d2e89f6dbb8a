"""While an image is drawn, the method never makes the CPU wait for the accelerator, where it is known where the subject is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Region
from seal_sdk.evaluation.cost.host_syncs import HostSyncs

BOX = (20.0, 20.0, 100.0, 110.0)
LOOSE = Appearance(tau=-1.0, schedule="constant")


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image, structure_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        for name, image in (("front", reference_image), ("back", structure_image)):
            session.register(image, prompt="a photo of one", name=name, box=BOX, timesteps=1)
        yield session


MORE = 4  # steps
OFF = {"appearance": Appearance(delta=0.0, detail=0.0), "delta_bridge": DeltaBridge(strength=0.0), "identity": "front"}


def waits(session, *arguments, **options):
    """How often so many steps wait. The first ones may, since they make things ready for all others."""
    session.generate(
        *arguments, **options, num_inference_steps=1, seed=1
    )  # what its prompts say is remembered from here on
    counts = []
    for steps in (MORE, 2 * MORE):
        with HostSyncs([session.pipe.scheduler.alphas_cumprod]) as found:
            session.generate(*arguments, **options, num_inference_steps=steps, seed=1)
        counts.append(found.found.total())
    return counts[1] - counts[0]


def test_waits_are_counted():
    values = torch.arange(4)
    with HostSyncs() as found:
        values[values > 1]
        bool(values.any())
        values.nonzero()
        values[torch.tensor([1, 2])]
        torch.where(values > 1, values, 0)
    assert found.found == {"index": 1, "_local_scalar_dense": 1, "nonzero": 1}


@pytest.mark.parametrize(
    "options",
    [
        {"appearance": LOOSE},
        {"appearance": Appearance(tau=-1.0, per_head=True)},
        {"appearance": Appearance(tau=-1.0, top_k=3)},
        {"appearance": Appearance(tau=-1.0, quantization="int8")},
        {"appearance": LOOSE, "delta_bridge": DeltaBridge(strength=0.0)},
        {"appearance": LOOSE, "identity": ("front", "back")},
    ],
    ids=["one", "per head", "top k", "int8", "no bridge", "references"],
)
def test_a_step_waits_no_more_often_than_without_an_identity(session, structure_image, options):
    given = structure_image, "a photo of two"
    plain = waits(session, *given, structure_box=BOX, **OFF)
    assert waits(session, *given, **{"identity": "front", "structure_box": BOX} | options) == plain


def test_nor_with_two_subjects_in_masks(session):
    left, right = np.zeros((128, 128), bool), np.zeros((128, 128), bool)
    left[20:100, 10:60], right[20:100, 70:120] = True, True
    both = {"front": Region(left), "back": Region(right)}
    plain = waits(session, None, "two photos", **OFF)
    assert waits(session, None, "two photos", identity=both, appearance=LOOSE) == plain


def test_nor_as_the_paper_does_it(tiny_pipeline, tmp_path, reference_image, structure_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path, preset="paper", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of one", name="front", box=BOX, timesteps=1)
        given = structure_image, "a photo of two"
        plain = waits(session, *given, structure_box=BOX, **OFF)
        assert waits(session, *given, structure_box=BOX, identity="front") == plain


def test_where_the_subject_has_to_be_looked_for_its_number_of_tokens_is_waited_for(session):
    """Once per layer, and once for latent transfer: to match all tokens instead would cost more."""
    plain = waits(session, None, "a photo", **OFF)
    blocks = [session.pipe.unet.mid_block, *session.pipe.unet.up_blocks]
    transformers = [attention for block in blocks for attention in getattr(block, "attentions", ())]
    layers = sum(len(each.transformer_blocks) for each in transformers)
    found = waits(session, None, "a photo", identity="front", appearance=LOOSE)
    assert plain + MORE * layers <= found <= plain + MORE * (layers + 1)
