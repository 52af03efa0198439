"""Python processes as users have them: with the bytecode of an installed package.

Where PYTHONDONTWRITEBYTECODE is set, a checkout is compiled again by every process.
"""

import os


def environment(folder):
    """The environment of processes that share bytecode in a folder; the first one writes it."""
    names = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**names, "PYTHONPYCACHEPREFIX": str(folder)}
