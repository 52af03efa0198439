"""Import hook that gives modules a second name, without a second copy of them."""

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec


class Aliases:
    """Import `alias.x.y` as `real.x.y`, for `names` = {alias: real}; the longest alias decides."""

    def __init__(self, names):
        self.names = dict(sorted(names.items(), key=lambda pair: -len(pair[0])))

    def real_name(self, name):
        """The name of the module that is imported in place of `name`, or None."""
        for alias, real in self.names.items():
            if name == alias or name.startswith(f"{alias}."):
                return real + name[len(alias) :]
        return None

    def find_spec(self, name, path=None, target=None):
        return None if self.real_name(name) is None else ModuleSpec(name, self, is_package=True)

    @staticmethod
    def create_module(spec):
        return None

    def exec_module(self, module):
        sys.modules[module.__name__] = import_module(self.real_name(module.__name__))

    def install(self):
        """Let this hook be asked before all others."""
        sys.meta_path.insert(0, self)

    def uninstall(self):
        """Remove this hook, and the modules that were imported by their aliases."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in [name for name in sys.modules if self.real_name(name) is not None]:
            del sys.modules[name]
