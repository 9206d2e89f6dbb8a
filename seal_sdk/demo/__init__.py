"""``seal demo``: two subjects of the embedded model in four poses and scenes each.

`run` registers and generates; `sheet` lays the images out.
"""

from __future__ import annotations

from seal_sdk.demo.run import DemoReport, SubjectReport, run_demo

__all__ = ["DemoReport", "SubjectReport", "run_demo"]
