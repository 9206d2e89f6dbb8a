"""``python -m seal_sdk.cli`` runs the ``seal`` command."""

from __future__ import annotations

from seal_sdk.cli.main import main

if __name__ == "__main__":
    main()
