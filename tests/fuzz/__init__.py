"""Fuzzers for the loaders: `targets` defines what is fuzzed, `run` runs it."""
