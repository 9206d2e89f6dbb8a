"""``python -m seal_sdk.evaluation``: the same as ``seal bench quality``."""

from __future__ import annotations

import sys

from seal_sdk.cli.main import seal

if __name__ == "__main__":
    seal(["bench", "quality", *sys.argv[1:]], prog_name="seal")
