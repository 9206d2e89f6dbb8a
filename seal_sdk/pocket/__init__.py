"""The embedded model and the procedural world it is trained on."""
