"""Moving identities between stores: push to and pull from an object store, and bundles (one identity as one file).

Every byte that arrives is checked by SHA-256 before it gets its name.
"""
