"""Sessions that the tasks open, on a tiny pipeline."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from diffusers import StableDiffusionXLPipeline

from seal_sdk import IdentitySession
from seal_sdk.config import SamplingDefaults


@pytest.fixture
def open_tiny(
    tiny_pipeline: Callable[..., StableDiffusionXLPipeline],
) -> Callable[..., IdentitySession]:
    """Stands for ``IdentitySession`` in a task; two steps are enough to compare images."""

    def open_session(model: str, **given: object) -> IdentitySession:
        session = IdentitySession(tiny_pipeline(), **given)
        session.sampling_defaults = SamplingDefaults(num_inference_steps=2, guidance_scale=3.0)
        return session

    return open_session
