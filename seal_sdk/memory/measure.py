"""The parts of a session, measured."""

from __future__ import annotations

from torch import nn

from seal_sdk.backbone.parts import model_parts
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.backbone.weights import bytes_by_device
from seal_sdk.kv_cache import KeyValueCache
from seal_sdk.memory.peak import PeakMeter, process_peak
from seal_sdk.memory.report import MemoryReport
from seal_sdk.segmentation import SubjectSegmenter
from store import IdentityStore


def measure(
    backbone: UNetBackbone,
    segmenter: SubjectSegmenter | None,
    cache: KeyValueCache,
    store: IdentityStore,
    peaks: PeakMeter,
) -> MemoryReport:
    """The report of these parts. Reads the store's manifests, and moves nothing.

    segmenter: the one that is loaded, None for none; its weights are known where it has a module called ``model``.
    """
    parts = model_parts(backbone)
    model = getattr(segmenter, "model", None)
    if isinstance(model, nn.Module):
        parts["segmenter"] = model
    return MemoryReport(
        weights={name: bytes_by_device(module) for name, module in parts.items()},
        key_values={**cache.bytes_by_tier, "disk": store.usage().total},
        call_peak=peaks.last_call,
        process_peak=process_peak(),
    )
