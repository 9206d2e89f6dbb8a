"""A store in an object store (S3, GCS, Azure, ...), in the same layout as a folder.

It can be read directly through a local folder that serves as a read-through cache.
"""
