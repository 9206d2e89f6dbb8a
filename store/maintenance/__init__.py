"""Looking after a local store: garbage collection, verification, repair, pruning, usage and health.

Each module is one operation that takes the store's layout and catalog and returns a report.
"""
