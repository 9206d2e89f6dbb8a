"""A small classifier of species and scenes in the procedural world. Tests use it to judge what the embedded model draws."""
