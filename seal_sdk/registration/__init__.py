"""Registering: a reference image becomes an identity in the store, computed once and found again by its recipe.

What the store lost of an identity is computed anew from its reference image.
"""

from __future__ import annotations

from seal_sdk.registration.reference import Reference, default_name, read_reference
from seal_sdk.registration.registrar import Listener, Registrar
from seal_sdk.registration.repair import Repairer
from seal_sdk.registration.timesteps import choose_timesteps

__all__ = ["Listener", "Reference", "Registrar", "Repairer", "choose_timesteps", "default_name", "read_reference"]
