"""How much memory a session takes: weights by part and device, K/V by tier, and peaks."""

from __future__ import annotations

from seal_sdk.memory.measure import measure
from seal_sdk.memory.peak import PeakMeter
from seal_sdk.memory.report import MemoryReport

__all__ = ["MemoryReport", "PeakMeter", "measure"]
