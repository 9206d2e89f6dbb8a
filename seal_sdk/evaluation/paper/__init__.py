"""The paper's benchmark on real pictures."""
