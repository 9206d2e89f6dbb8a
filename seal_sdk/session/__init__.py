"""The session: what it holds (`resources`), what it does (`identity_session`), and how a later one goes on (`state`)."""

from __future__ import annotations

from seal_sdk.session.identity_session import IdentitySession

__all__ = ["IdentitySession"]
