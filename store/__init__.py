"""A content-addressed, verified store of attention keys and values, readable as Zarr.

It knows nothing about models or images: an identity is arrays, the recipe that they were computed from, and a name.
Start with :class:`IdentityStore`. Everything public is importable from here.
"""

from __future__ import annotations

from .errors import (
    InvalidBundle,
    InvalidName,
    InvalidValue,
    NameInUse,
    NamePinned,
    OverBudget,
    RemoteError,
    RemoteLoss,
    StoreCorruption,
    StoreError,
    StoreFormatError,
    StoreFull,
    StoreIOError,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    UnknownName,
)
from .format.arrays import ArraySpec
from .format.keys import canonical_json, recipe_key
from .format.names import valid_name
from .identity_store import IdentityStore
from .local.listing import IdentityInfo
from .local.reader import StoredIdentity
from .local.refs import Removal
from .maintenance.gc import GcReport
from .maintenance.health import Health
from .maintenance.prune import Pruned, PruneReport
from .maintenance.repair import Repair
from .maintenance.usage import IdentityUsage, Usage
from .maintenance.verify import Problem, VerifyReport
from .mirrored_store import MirroredStore
from .remote.object_store import Remote, is_remote
from .transfer.result import Transfer

__all__ = [
    "ArraySpec",
    "GcReport",
    "Health",
    "IdentityInfo",
    "IdentityStore",
    "IdentityUsage",
    "InvalidBundle",
    "InvalidName",
    "InvalidValue",
    "MirroredStore",
    "NameInUse",
    "NamePinned",
    "OverBudget",
    "Problem",
    "PruneReport",
    "Pruned",
    "Remote",
    "RemoteError",
    "RemoteLoss",
    "Removal",
    "Repair",
    "StoreCorruption",
    "StoreError",
    "StoreFormatError",
    "StoreFull",
    "StoreIOError",
    "StoreLocked",
    "StoreNotFound",
    "StoreReadOnly",
    "StoredIdentity",
    "Transfer",
    "UnknownName",
    "Usage",
    "VerifyReport",
    "canonical_json",
    "is_remote",
    "recipe_key",
    "valid_name",
]
