"""Read the keys and values of a registered identity with Zarr, without torch and without the model."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import zarr

from store import IdentityStore


def to_float(numbers: np.ndarray) -> np.ndarray:
    """As float32. Zarr has no bfloat16, so such numbers are stored as uint16 with the same bits."""
    return (numbers.astype("uint32") << 16).view("float32") if numbers.dtype == "uint16" else numbers.astype("float32")


def main() -> None:
    """Print the arrays of an identity."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--store", type=Path, required=True, help="`seal path` prints yours")
    arguments = parser.parse_args()

    identity = IdentityStore(arguments.store, create=False).resolve(arguments.name)
    print(f"{identity.name}: {identity.attributes['prompt']!r}, timesteps {identity.timesteps}")
    group = zarr.open_group(identity.zarr(), mode="r")
    for name, array in sorted(group.arrays()):
        print(name, array.shape, array.dtype, array.metadata.dimension_names)  # type: ignore[union-attr]  # the store writes Zarr 3
        keys = to_float(np.asarray(array[0, 0, 0]))  # first timestep, first layer, K: (token, channel)
        print(f"  mean norm of a key: {np.linalg.norm(keys, axis=1).mean():.2f}")


if __name__ == "__main__":
    main()
