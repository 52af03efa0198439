"""The foundation of all other packages: argument checks, registries, variables and memory."""
