"""The store's speed on this machine: verified reads of SDXL's 68 MB timestep, and durable publication, against baselines of the same run.

    python tests/benchmarks/store_speed.py [--repeats 9] [--folder FOLDER]

Prints JSON. Reads come from the page cache, so that it is the store that is measured and not the disk. Needs about 1 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import zarr

from store import ArraySpec, IdentityStore, StoredIdentity
from store.local import files

TIMESTEPS = (999, 700)


def spec(name: str, layers: int, tokens: int, channels: int) -> ArraySpec:
    shape = (len(TIMESTEPS), layers, 2, tokens, channels)
    return ArraySpec(name, shape, "float16", "float16", tuple(f"{name}.{layer}" for layer in range(layers)))


SPECS = [spec("mid", 10, 256, 1280), spec("up0", 30, 256, 1280), spec("up1", 6, 1024, 640)]  # SDXL at 512 px


def noise(seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        {each.name: rng.standard_normal(each.shape[1:], dtype="f4").astype("f2") for each in SPECS} for _ in TIMESTEPS
    ]


def put(place: IdentityStore, arrays: list[dict[str, np.ndarray]], seed: int) -> StoredIdentity:
    def steps() -> Iterator[dict[str, np.ndarray]]:
        yield from arrays

    return place.put(
        {"seed": seed}, arrays=SPECS, steps=steps, timesteps=list(TIMESTEPS), attributes={}, attachments={}
    )


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure_reads(folder: Path, repeats: int) -> dict[str, float]:
    arrays = noise(0)
    stored = put(IdentityStore(folder / "store"), arrays, 0)
    flat = folder / "flat"
    flat.write_bytes(b"".join(arrays[0][each.name].tobytes() for each in SPECS))
    group = zarr.open_group(folder / "zarr", mode="w")
    for each in SPECS:
        made = group.create_array(each.name, shape=each.shape, chunks=each.chunk_shape, dtype="f2", compressors=None)
        made[:] = np.stack([step[each.name] for step in arrays])
    reused = stored.step(0)
    ways = {
        "memmap_copy": lambda: np.array(np.memmap(flat, np.uint8, "r")),
        "verified": lambda: stored.step(0),
        "verified_reused_buffer": lambda: stored.step(0, out=reused),
        "zarr_local_store": lambda: [group[each.name][0] for each in SPECS],
    }
    for way in ways.values():
        way()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):  # in turn, so that a drifting machine hurts all alike
        for name, way in ways.items():
            times[name].append(seconds(way))
    medians = {name: statistics.median(each) for name, each in times.items()}
    return {f"{name}_over_memmap_copy": each / medians["memmap_copy"] for name, each in medians.items()} | {
        "timestep_bytes": flat.stat().st_size,
        "memmap_copy_s": medians["memmap_copy"],
    }


def measure_publication(folder: Path, repeats: int) -> dict[str, float]:
    sync_data, sync_directory = files.sync_data, files.sync_directory

    def publish(number: int, durable: bool) -> float:
        files.sync_data = sync_data if durable else lambda descriptor: None
        files.sync_directory = sync_directory if durable else lambda path: None
        place = IdentityStore(folder / f"published-{number}-{durable}")
        taken = seconds(lambda: put(place, arrays, number))
        shutil.rmtree(place.root)
        return taken

    arrays = noise(1)
    publish(0, True)
    try:
        pairs = [(publish(number, True), publish(number, False)) for number in range(repeats)]
    finally:
        files.sync_data, files.sync_directory = sync_data, sync_directory
    durable, quick = (statistics.median(each) for each in zip(*pairs, strict=True))
    return {"durable_put_s": durable, "durable_over_no_fsync": durable / quick}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="On the disk to measure; default: the temporary folder.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        report = measure_reads(Path(name), arguments.repeats)
        report |= measure_publication(Path(name), max(arguments.repeats // 3, 3))
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
