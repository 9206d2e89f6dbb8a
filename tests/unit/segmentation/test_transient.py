"""A segmenter that is loaded for each image, and gone afterwards."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from seal_sdk.errors import SubjectNotFound
from seal_sdk.segmentation import load_sam, load_segmenter
from seal_sdk.segmentation.transient import TransientSegmenter


def test_it_finds_what_the_segmenter_finds_and_lets_go_of_it(reference_image):
    loaded = []

    def load():
        segmenter = load_sam("pocket")
        loaded.append(weakref.ref(segmenter.model))
        return segmenter

    transient, kept = TransientSegmenter(load), load_sam("pocket")
    gc.collect()
    gc.disable()
    try:
        found = transient.find(reference_image)
        assert [each() for each in loaded] == [None]
    finally:
        gc.enable()
    expected = kept.find(reference_image)
    assert found.box == expected.box and np.array_equal(found.mask, expected.mask)
    assert transient.fingerprint == kept.fingerprint and transient.calls == kept.calls == 1
    assert len(loaded) == 1  # the fingerprint was noted when it looked


def test_it_is_freed_after_an_image_without_a_subject_too():
    class Nobody:
        fingerprint, calls = "nobody", 0

        def find(self, image, what="reference"):
            raise SubjectNotFound("nobody")

    made = []

    def load():
        made.append(Nobody())
        return made[-1]

    transient = TransientSegmenter(load)
    assert transient.fingerprint == transient.fingerprint == "nobody" and len(made) == 1
    with pytest.raises(SubjectNotFound):
        transient.find(None)
    assert len(made) == 2


def test_only_names_become_transient():
    given, cpu = object(), torch.device("cpu")
    assert load_segmenter(given, cpu, True) is given
    assert isinstance(load_segmenter("vit_b", cpu, True), TransientSegmenter)  # and nothing was loaded yet
    assert load_segmenter("pocket", cpu, False).fingerprint == load_segmenter("pocket", cpu, True).fingerprint
