"""The ``seal`` command. The commands that look after a store import neither torch nor diffusers."""
