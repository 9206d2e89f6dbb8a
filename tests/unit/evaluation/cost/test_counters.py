"""Rows, waits of the host, and peaks of memory are counted."""

from __future__ import annotations

import platform
import sys

import pytest
import torch

from seal_sdk.evaluation.cost.host_syncs import host_syncs
from seal_sdk.evaluation.cost.peak_memory import peak_memory, release_freed
from seal_sdk.evaluation.cost.rows import counted_rows

CPU = torch.device("cpu")


def test_rows_are_counted_forward_by_forward_until_the_block_ends(tiny_pipeline):
    pipe = tiny_pipeline()
    with counted_rows(pipe.unet) as rows:
        pipe("a cat", num_inference_steps=2, output_type="latent", num_images_per_prompt=3)
        pipe("a cat", num_inference_steps=1, output_type="latent", guidance_scale=1)
    pipe("a cat", num_inference_steps=1, output_type="latent")
    assert rows == [6, 6, 1]


@pytest.mark.parametrize(
    ("operation", "waits"),
    [
        (lambda x: x.nonzero(), 1),
        (lambda x: x.sum().item(), 1),
        (lambda x: bool(x.any()), 1),
        (lambda x: x[x > 1], 1),
        (lambda x: x.masked_select(x > 1), 1),
        (lambda x: x[torch.tensor([0, 2])], 0),
        (lambda x: torch.where(x > 1, x, 0), 0),
        (lambda x: x.to(torch.float16), 0),
    ],
)
def test_operations_that_the_host_would_wait_for_are_counted(operation, waits):
    with host_syncs(CPU) as count:
        operation(torch.arange(4.0))
        assert count() == waits


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nobody can tell")
def test_a_peak_is_what_the_block_took():
    with peak_memory(CPU) as peak:
        torch.ones(64 * 2**20, dtype=torch.uint8)
    with peak_memory(CPU) as small:
        torch.ones(2**10, dtype=torch.uint8)
    assert 60 * 2**20 < peak.nbytes < 100 * 2**20 and small.nbytes < 30 * 2**20


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="elsewhere freed memory stays where it is")
def test_freed_memory_has_to_be_asked_for_again_once_it_is_released():
    def take():
        return [torch.ones(2**16, dtype=torch.uint8) for _ in range(1000)]  # small ones, which the allocator keeps

    kept = take()
    keep = torch.ones(2**16, dtype=torch.uint8)  # after them, so that they do not go back by themselves
    del kept
    with peak_memory(CPU) as again:
        take()
    release_freed()
    with peak_memory(CPU) as anew:
        take()
    assert again.nbytes < 20 * 2**20 < 50 * 2**20 < anew.nbytes and len(keep)
