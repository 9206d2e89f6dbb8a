"""A small classifier that says which species and scene a picture of the embedded model's world shows: the tests' judge."""
