"""``python -m seal_sdk.evaluation ...`` runs ``seal bench quality ...``."""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    # The command line is a layer above this package, which must not import it. So its module runs as a program.
    sys.argv[1:1] = ["bench", "quality"]
    runpy.run_module("seal_sdk.cli", run_name="__main__")
