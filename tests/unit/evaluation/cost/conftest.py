"""What the cost benchmarks' tests measure."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import CLIPTokenizer

from seal_sdk.evaluation.cost.workplace import CostSetup


@pytest.fixture(scope="module")
def once(tiny_tokenizer: CLIPTokenizer) -> Any:
    """once(steps): a setup of a tiny pipeline on the CPU, measured once."""
    from fixtures import tiny

    pipe = tiny.pipeline(tiny_tokenizer)
    return lambda steps, **given: CostSetup(pipe, **{"steps": steps, "repeats": 1, "device": "cpu", **given})
