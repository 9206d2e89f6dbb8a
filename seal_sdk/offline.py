"""Whether the SDK itself may fetch something: images by URL, SAM's weights. diffusers' hub has a switch of its own, HF_HUB_OFFLINE."""

from __future__ import annotations

import os

OFFLINE_VARIABLE = "SEAL_OFFLINE"
FALSE = ("", "0", "false", "no", "off")


def is_offline() -> bool:
    """Whether ``SEAL_OFFLINE`` is set to anything but an empty value, 0, false, no or off."""
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in FALSE
