"""`from fastcnn import keras`: an alias for the package, equivalent to `import fastcnn as keras`.

Each module exists once: `from fastcnn.keras.layers import Dense`, as in scripts converted from
`tensorflow.keras`, imports `fastcnn.layers` and not a second copy of it.
"""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec

import fastcnn


class _SameModules:
    """Import hook that imports `fastcnn.keras.x.y` as `fastcnn.x.y`."""

    prefix = f"{__name__}."

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return ModuleSpec(name, cls) if name.startswith(cls.prefix) else None

    @staticmethod
    def create_module(spec):
        return None

    @classmethod
    def exec_module(cls, module):
        name = module.__name__
        sys.modules[name] = import_module(f"fastcnn.{name.removeprefix(cls.prefix)}")


sys.modules[__name__] = fastcnn
sys.meta_path.insert(0, _SameModules)
