"""Repair: what the store lost of an identity is computed anew from the identity's own reference image."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image

from seal_sdk.config import Appearance
from seal_sdk.errors import RestoredWarning
from seal_sdk.identity import Identity
from seal_sdk.registration.recipe import CaptureSettings, build_recipe
from seal_sdk.registration.reference import Reference
from seal_sdk.registration.registrar import Capture, Registrar, png
from seal_sdk.segmentation import SubjectSegmenter
from store import StoreCorruption, StoredIdentity, canonical_json


class Repairer:
    """Repairs each identity once per ``generate`` call; ``names`` says which were repaired."""

    def __init__(self, registrar: Registrar, segmenter: Callable[[], SubjectSegmenter]) -> None:
        self._registrar, self._segmenter = registrar, segmenter
        self._repaired: dict[str, Identity] = {}
        self.names: list[str] = []

    def __call__(self, identity: Identity, error: StoreCorruption) -> Identity:
        """The identity, whole again, with a RestoredWarning. Raises StoreCorruption where its reference image is lost as well."""
        if identity.digest not in self._repaired:
            stored = self._repair(identity.stored, error)
            self._repaired[identity.digest] = Identity(stored, identity.name)
            self.names.append(identity.name)
            warnings.warn(
                f"The store had lost some of {identity.name!r} ({error}); it was computed anew from its reference image.",
                RestoredWarning,
                stacklevel=2,
            )
        return self._repaired[identity.digest]

    def _repair(self, stored: StoredIdentity, error: StoreCorruption) -> StoredIdentity:
        settings = self._as_registered(stored)
        try:
            reference = self._reference(stored)
        except StoreCorruption as lost:
            raise _given_up(error, "its reference image is damaged too") from lost
        recipe = build_recipe(self._registrar.backbone, reference, dict(stored.recipe["subject"]), settings)
        if canonical_json(recipe) != canonical_json(stored.recipe):
            raise _given_up(
                error, "this model, its scheduler or its attention differ from those it was registered with"
            )
        whole = self._registrar.compute(
            recipe,
            Capture(
                reference,
                settings,
                stored.attributes.get("tokens"),
                attributes=lambda: stored.attributes,
                attachments=lambda: {
                    "reference.png": stored.attachment("reference.png"),
                    "mask.png": self._mask(stored, error),
                },
            ),
        )
        self._rename(stored.digest, whole.digest)
        return whole

    def _as_registered(self, stored: StoredIdentity) -> CaptureSettings:
        names = stored.recipe["layers"]
        blocks = tuple(dict.fromkeys(name.split("_")[0] for name in names))
        layers = self._registrar.backbone.self_attention_layers(blocks)
        stated = {key: stored.recipe[key] for key in ("latents", "tokens", "quantization")}
        return CaptureSettings(stored.timesteps, layers, Appearance(layers=blocks, **stated))

    def _reference(self, stored: StoredIdentity) -> Reference:
        image = Image.open(io.BytesIO(stored.attachment("reference.png"))).convert("RGB")
        return Reference(image, stored.attributes["prompt"], stored.recipe["subject"].get("box"), None)

    def _mask(self, stored: StoredIdentity, error: StoreCorruption) -> bytes:
        """The stored mask; a damaged one is found again, unless the caller had drawn it."""
        try:
            return stored.attachment("mask.png")
        except StoreCorruption as lost:
            if "mask" in stored.recipe["subject"]:
                raise _given_up(error, "its mask, which was given by hand, is damaged") from lost
            subject = self._reference(stored).subject(self._segmenter)
            return png(Image.fromarray(subject.mask.astype(np.uint8) * 255))

    def _rename(self, old: str, new: str) -> None:
        """Where other bits came out, as on an accelerator, every name follows."""
        if old != new:
            for info in self._registrar.store.identities():
                if info.name and info.digest == old:
                    self._registrar.store.tag(info.name, new)


def _given_up(error: StoreCorruption, why: str) -> StoreCorruption:
    return StoreCorruption(
        f"{error}; it cannot be computed anew here: {why}",
        identity=error.identity,
        timestep=error.timestep,
        layers=error.layers,
    )
