"""The stored identities of one call: checked, kept from gc, and read along the sampling timesteps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor

from seal_sdk.errors import InputError
from seal_sdk.generation.call import Call
from seal_sdk.identity import Identity
from seal_sdk.kv_cache import KeyValueCache, KeyValueReader, Lease, Placement


@contextmanager
def reading(
    call: Call, cache: KeyValueCache, identities: Sequence[Identity], timesteps: Tensor
) -> Iterator[Mapping[str, KeyValueReader]]:
    """Readers of the identities' K/V at these sampling timesteps, by digest; none where nothing is infused.

    Raises InputError for identities that lack what the settings need.
    """
    for identity in identities:
        _check_stored(call, identity)
    with ThreadPoolExecutor(1, thread_name_prefix="seal-read") as executor, ExitStack() as stack:
        leases = [_lease(call, identity, stack) for identity in identities]
        if not call.settings.appearance.delta:
            yield {}
            return
        times = timesteps.tolist()
        placement = Placement(call.backbone.device, call.backbone.dtype)
        yield {lease.stored.digest: KeyValueReader(lease, times, placement, cache, executor) for lease in leases}


def _check_stored(call: Call, identity: Identity) -> None:
    """Whether the identity holds what the settings ask for. Raises InputError."""
    stored = {name for spec in identity.stored.arrays for name in spec.layers}
    appearance = call.settings.appearance
    if any(layer.name not in stored for layer in call.layers):
        raise InputError(
            f"Appearance(layers={appearance.layers}) asks for blocks that were not stored for {identity.name!r}; "
            "choose those it was registered with, or register it again with these."
        )
    if identity.tokens is not None and appearance.gating == "none" and call.layers:
        raise InputError(
            f"{identity.name!r} was registered with tokens='subject': Appearance(gating='none') needs the whole reference; "
            "register it again with gating='none' or tokens='all', or with preset='paper'."
        )


def _lease(call: Call, identity: Identity, stack: ExitStack) -> Lease:
    """Keeps gc away from the identity until the stack closes."""

    def repair(error: Any) -> Any:
        return call.repair(identity, error).stored

    renew: Callable[[], object] = stack.enter_context(identity.stored.lease())
    return Lease(identity.stored, renew, repair)
