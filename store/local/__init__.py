"""A store in a folder on this machine: durable files, locks, leases, and reading and writing identities.

Every access to the disk goes through :mod:`store.local.files`.
"""
