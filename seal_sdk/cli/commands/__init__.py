"""The commands of ``seal``, one module each, named as the command; each defines a click command called `command`.

A new command is a new module here and a line in `NAMES`.
"""

from __future__ import annotations

NAMES = (
    "bench",
    "comfyui",
    "demo",
    "doctor",
    "du",
    "explain",
    "export",
    "gc",
    "generate",
    "import",
    "info",
    "ls",
    "path",
    "pin",
    "prune",
    "pull",
    "push",
    "register",
    "rename",
    "rm",
    "serve",
    "show",
    "studio",
    "unpin",
    "verify",
)
