"""A tiny pipeline with one identity, drawn by a session and by modular pipelines."""

from __future__ import annotations

import pytest
from fixtures.modular_studio import PRECISIONS, Studio


@pytest.fixture
def studio(tiny_pipeline, tmp_path, reference_image):
    return Studio(tiny_pipeline(), tmp_path, reference_image)


@pytest.fixture
def in_precision(tiny_pipeline, tmp_path, reference_image, request):
    return Studio(tiny_pipeline().to(dtype=PRECISIONS[request.param]), tmp_path, reference_image)
