"""Run scripts that import `keras` or `tensorflow` unchanged.

    python -m fastcnn script.py [arguments ...]

or, in a program of its own, before anything imports Keras:

    import fastcnn
    fastcnn.install_as_keras()
    import keras                         # is fastcnn
    from tensorflow.keras import layers  # are fastcnn's
"""

from __future__ import annotations

import io
import os
import signal
import sys
import types
from importlib import import_module
from typing import Any

from fastcnn.core.aliases import Aliases

KERAS_VERSION = "3.15.1"  # of the Keras that names, signatures and results follow


class Keras(types.ModuleType):
    """The module `keras` of an unchanged script: fastcnn, with the version that scripts ask for."""

    __version__ = KERAS_VERSION

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module("fastcnn"), name)

    def __dir__(self) -> list[str]:
        return dir(import_module("fastcnn"))


class KerasAliases(Aliases):
    """Import hook for `keras`, `tensorflow` and what is in them."""

    def __init__(self):
        super().__init__(
            {"keras": "fastcnn", "tensorflow": "fastcnn.tf", "tensorflow.keras": "fastcnn"}
        )
        self.keras = Keras("keras")

    def exec_module(self, module):
        name = module.__name__
        if self.real_name(name) == "fastcnn":
            sys.modules[name] = self.keras
            return
        super().exec_module(module)
        if name == "tensorflow":
            vars(sys.modules[name])["keras"] = self.keras

    def uninstall(self):
        tensorflow = sys.modules.get("fastcnn.tf")
        if tensorflow is not None:
            vars(tensorflow).pop("keras", None)
        super().uninstall()


ALIASES = KerasAliases()


def install_as_keras() -> None:
    """Answer imports of `keras`, `tensorflow`, `tensorflow.keras` and what is in them by fastcnn.

    From then on, in this process; never without this call. Calling it again has no effect.

    Raises:
        RuntimeError: the real Keras or TensorFlow is already imported.
    """
    if ALIASES in sys.meta_path:
        return
    loaded = [name for name in ("keras", "tensorflow") if name in sys.modules]
    if loaded:
        raise RuntimeError(
            "`install_as_keras` must be called before Keras or TensorFlow is imported. Already "
            f"imported: {', '.join(loaded)}."
        )
    ALIASES.install()


def uninstall_as_keras() -> None:
    """Undo `install_as_keras`: later imports find the real Keras, if it is installed."""
    ALIASES.uninstall()


def run_script(path: str, arguments: list[str]) -> int:
    """Run a script as `python path arguments ...` would; return its exit status.

    It is the module `__main__`, its folder is the first in `sys.path`, and a traceback shows its
    own lines only.
    """
    try:
        with io.open_code(os.path.abspath(path)) as file:
            source = file.read()
    except OSError as error:
        print(f"fastcnn: can't open {path!r}: {error.strerror}", file=sys.stderr)
        return 2
    install_as_keras()
    sys.argv[:] = [path, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(path))
    main = types.ModuleType("__main__")
    vars(main).update(__file__=path, __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = main
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        trace = error.__traceback__ and error.__traceback__.tb_next  # without this function
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):  # end as Python does, so that shells notice
            sys.stdout.flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return 1
    return 0
