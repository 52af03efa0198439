"""The tests; `shapes` and `kernel_cases` are shared with benchmarks/."""
