"""A content-addressed, verified store of attention keys and values, readable as Zarr.

It knows nothing of models or images: arrays of a fixed schema, a recipe that says what was asked, names. See
:class:`IdentityStore`.
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
from .gc import GcReport
from .health import Health
from .identity_store import IdentityStore
from .keys import canonical_json, recipe_key
from .listing import IdentityInfo
from .manifest import ArraySpec
from .mirrored import MirroredStore
from .naming import Removal
from .pruning import Pruned, PruneReport
from .reader import StoredIdentity
from .remote import Remote, is_remote
from .repair import Repair
from .transfer import Transfer
from .usage import IdentityUsage, Usage
from .verify import Problem, VerifyReport

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
]
