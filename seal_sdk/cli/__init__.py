"""The ``seal`` command. `commands` holds one file per command; the other files hold what the commands share.

Commands that only manage a store import neither torch nor diffusers.
"""
