"""Read a registered identity's K/V with zarr, without torch."""

from __future__ import annotations

import argparse
from pathlib import Path

import zarr

from store import IdentityStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--store", type=Path, required=True)
    arguments = parser.parse_args()

    identity = IdentityStore(arguments.store, create=False).resolve(arguments.name)
    group = zarr.open_group(identity.zarr(), mode="r")
    for name, array in sorted(group.arrays()):
        print(name, array.shape, array.dtype, array.metadata.dimension_names)
        print("  first key's norm at the first timestep:", float((array[0, 0, 0, 0].astype("f4") ** 2).sum() ** 0.5))


if __name__ == "__main__":
    main()
