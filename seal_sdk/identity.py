"""Identities: what was registered, opened lazily from the store, and found by name."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.errors import UnknownIdentity, WrongModel
from store import IdentityStore, StoredIdentity, UnknownName


class Identity:
    """A registered subject. Its K/V stay in the store until an image needs them.

    name: what it was registered as. stored: its entry in the store.
    """

    def __init__(self, stored: StoredIdentity, name: str) -> None:
        self.stored, self.name = stored, name

    @property
    def digest(self) -> str:
        """64 hex digits of its manifest."""
        return self.stored.digest

    @property
    def prompt(self) -> str:
        """What the reference shows."""
        return str(self.stored.attributes["prompt"])

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the reference as the model saw it, in pixels."""
        width, height = self.stored.recipe["size"]
        return width, height

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The subject's (x0, y0, x1, y1) in those pixels."""
        x0, y0, x1, y1 = self.stored.attributes["box"]
        return x0, y0, x1, y1

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(height, width) bool: where the subject is."""
        return np.asarray(self._picture("mask.png").convert("L")) > 127

    @cached_property
    def image(self) -> Image.Image:
        """The reference as the model saw it, RGB."""
        return self._picture("reference.png").convert("RGB")

    @cached_property
    def latents(self) -> NDArray[np.float32] | None:
        """(1, C, h, w) fp32: the reference's clean latents; None in identities of stores that did not keep them yet."""
        if "latents.npy" not in self.stored.attachments:
            return None
        latents: NDArray[np.float32] = np.load(io.BytesIO(self.stored.attachment("latents.npy")), allow_pickle=False)
        return latents

    @property
    def timesteps(self) -> tuple[int, ...]:
        """Those with cached K/V, largest first."""
        return self.stored.timesteps

    @property
    def capture(self) -> dict[str, str]:
        """How its K/V were captured: "latents", "tokens" and "quantization" as in `Appearance`, but for what its version did not say."""
        names = ("latents", "tokens", "quantization")
        return {name: self.stored.recipe[name] for name in names if name in self.stored.recipe}

    @property
    def tokens(self) -> dict[str, list[int]] | None:
        """Block group -> the reference's tokens that are stored, by their place in its grid; None: all of them."""
        return self.stored.attributes.get("tokens")

    @property
    def nbytes(self) -> int:
        """Bytes of K/V in the store."""
        return self.stored.nbytes

    @property
    def model(self) -> dict[str, Any]:
        """Fingerprints of the model it was registered with."""
        model: dict[str, Any] = self.stored.recipe["model"]
        return model

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of the LoRAs and the like that were active when it was registered; it belongs to the model with them."""
        return tuple(self.stored.attributes.get("adapters", ()))

    def check_model(self, model: Mapping[str, Any]) -> None:
        """Raise WrongModel when it was registered with another model than the one of this fingerprint."""
        differing = [part for part in model if self.model.get(part) != model[part]]
        if differing:
            raise WrongModel(
                f"Identity {self.name!r} was registered with another model (differs in: {', '.join(differing)}). Register its reference "
                "with this session's model, or open the session with the model it was registered with."
            )

    def zarr(self) -> Any:
        """A read-only Zarr store: ``zarr.open_group(identity.zarr(), mode="r")``."""
        return self.stored.zarr()

    def __eq__(self, other: object) -> bool:
        """Equal when name and content are."""
        return isinstance(other, Identity) and (self.name, self.digest) == (other.name, other.digest)

    def __hash__(self) -> int:
        return hash((self.name, self.digest))

    def _picture(self, attachment: str) -> Image.Image:
        return Image.open(io.BytesIO(self.stored.attachment(attachment)))

    def __repr__(self) -> str:
        return (
            f"Identity({self.name!r}, {self.digest[:12]}, {len(self.timesteps)} timesteps, {self.nbytes / 1e6:.1f} MB)"
        )


class Library(Mapping[str, Identity]):
    """name -> Identity. It is read from the store each time it is used, since other processes may register at any time."""

    def __init__(self, store: IdentityStore) -> None:
        self._store = store

    def stored(self, name: str) -> StoredIdentity:
        """The stored identity of a name or digest. Raises UnknownIdentity, which lists the nearest names."""
        try:
            return self._store.resolve(name)
        except UnknownName as error:
            raise UnknownIdentity(str(error)) from error

    def find(self, chosen: str | Identity) -> Identity:
        """An identity as it is, or the one of a name or digest. Raises UnknownIdentity, which lists the nearest names."""
        return chosen if isinstance(chosen, Identity) else self[chosen]

    def __getitem__(self, name: str) -> Identity:
        return Identity(self.stored(name), name)

    def __iter__(self) -> Iterator[str]:
        return iter([info.name for info in self._store.identities() if info.name])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(iter(self))

    def __repr__(self) -> str:
        return f"Library({', '.join(self)})"
