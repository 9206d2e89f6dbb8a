"""The benchmark's tasks, one per subcommand of ``seal bench``: generate images, score them, and return a summary.

Each function opens a session of its own, with a temporary store.
"""
