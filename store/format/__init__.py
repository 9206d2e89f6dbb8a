"""What a store holds on disk: paths, keys, names, manifests and pointers, as values and bytes.

Nothing here touches a disk or a network. Changing a byte of what these modules write makes a new format.
"""
