"""Fuzzers of the loaders: see `targets` (what is tried) and `run` (how)."""
