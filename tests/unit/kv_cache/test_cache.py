"""Where K/V wait between two reads: which tier answers, what it keeps, and that threads may share it."""

from __future__ import annotations

import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from seal_sdk.errors import ConfigError
from seal_sdk.kv_cache import KeyValueReader, Lease
from seal_sdk.kv_cache.cache import BoundedCache, KeyValueCache, Placement
from store import ArraySpec, IdentityStore

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")  # "meta" stands for an accelerator: it is not the host
SPEC = ArraySpec("mid", (4, 2, 2, 8, 16), "float32", "float32", ("a", "b"))
STEP = SPEC.nbytes // 4


def read(cache, *what):
    """(K/V, tier) of one cached timestep."""
    found = cache.find(*what)
    return cache.make_ready(found, *what), found.tier


@pytest.fixture
def stored(tmp_path):
    rng = np.random.default_rng(0)
    arrays = [{"mid": rng.normal(size=SPEC.shape[1:]).astype("f4")} for _ in range(4)]
    place = IdentityStore(tmp_path / "store")
    return place.put(
        {"a": 1}, arrays=[SPEC], steps=lambda: iter(arrays), timesteps=[9, 5, 3, 1], attributes={}, attachments={}
    )


def sources(cache, stored, device, order):
    return [read(cache, stored, index, Placement(device, torch.float32))[1] for index in order]


def test_on_the_host_one_tier_keeps_what_is_ready(stored):
    cache = KeyValueCache(memory=2 * STEP)
    assert sources(cache, stored, CPU, [0, 1, 0, 2, 1, 0]) == ["disk", "disk", "memory", "disk", "disk", "disk"]
    assert cache.nbytes == 2 * STEP
    (key, value), _ = (read(cache, stored, 0, Placement(CPU, torch.float32))[0]["a"], None)
    assert np.array_equal(key.numpy(), stored.step(0)["mid"][0, 0]) and value.shape == (8, 16)
    cache.clear()
    assert cache.nbytes == 0 and sources(cache, stored, CPU, [0]) == ["disk"]


def test_an_accelerator_has_a_tier_of_its_own_above_the_hosts(stored):
    cache = KeyValueCache(memory=4 * STEP, accelerator=STEP)
    assert sources(cache, stored, ELSEWHERE, [0, 0, 1, 0, 1]) == ["disk", "accelerator", "disk", "memory", "memory"]
    assert cache.nbytes == 3 * STEP
    assert sources(KeyValueCache(0, 0), stored, ELSEWHERE, [0, 0]) == ["disk", "disk"]


def test_another_device_or_dtype_is_not_served_from_what_was_kept(stored):
    cache = KeyValueCache()
    assert read(cache, stored, 0, Placement(CPU, torch.float32))[0]["a"][0].dtype == torch.float32
    assert read(cache, stored, 0, Placement(CPU, torch.bfloat16))[0]["a"][0].dtype == torch.bfloat16
    assert read(cache, stored, 0, Placement(ELSEWHERE, torch.float32))[0]["a"][0].device == ELSEWHERE


def test_threads_may_share_a_cache():
    kept = BoundedCache[int](50, lambda value: 1)

    def use(number):
        for index in range(2000):
            kept.put((number + index) % 97, index)
            kept.get(index % 97)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert kept.nbytes == 50


def test_what_alone_is_over_the_budget_is_not_kept_and_drops_nothing():
    kept = BoundedCache[int](3, lambda value: value)
    kept.put("small", 2)
    kept.put("large", 4)
    assert kept.get("small") == 2 and kept.get("large") is None and kept.nbytes == 2


@pytest.mark.parametrize("budget", [-1, 1.5, "1GB", True])
def test_a_budget_that_is_no_number_of_bytes_is_refused(budget):
    with pytest.raises(ConfigError, match="accelerator_budget"):
        KeyValueCache(accelerator=budget)


def test_nothing_is_kept_where_the_default_budget_is_0_and_a_given_one_wins(stored):
    nothing, given = KeyValueCache(default=0), KeyValueCache(memory=4 * STEP, default=0)
    assert sources(nothing, stored, ELSEWHERE, [0, 0]) == sources(nothing, stored, CPU, [0, 0]) == ["disk", "disk"]
    assert sources(given, stored, ELSEWHERE, [0, 0]) == ["disk", "memory"]
    assert nothing.bytes_by_tier == {"accelerator": 0, "memory": 0}
    assert given.bytes_by_tier == {"accelerator": 0, "memory": STEP}


def test_a_reader_lets_go_of_a_timestep_before_the_next_is_made_ready(stored, monkeypatch):
    cache, held, alive = KeyValueCache(0, 0), [], []
    make_ready = cache.make_ready

    def watched(*what):
        alive.append([each() is not None for each in held])
        ready = make_ready(*what)
        held.append(weakref.ref(ready["a"][0]))
        return ready

    monkeypatch.setattr(cache, "make_ready", watched)
    lease = Lease(stored, lambda: None, lambda error: stored)
    with ThreadPoolExecutor(1) as executor:
        reader = KeyValueReader(lease, [9.0, 5.0, 3.0], Placement(ELSEWHERE, torch.float32), cache, executor)
        for timestep in (9.0, 5.0, 3.0):
            reader(timestep)
    assert alive == [[], [False], [False, False]]
