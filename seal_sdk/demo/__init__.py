"""``seal demo``: two subjects of the embedded model, each kept across four poses and scenes."""

from __future__ import annotations

from seal_sdk.demo.run import DemoReport, SubjectReport, run_demo

__all__ = ["DemoReport", "SubjectReport", "run_demo"]
