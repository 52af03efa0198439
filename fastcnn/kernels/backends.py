"""What the kernels run on: the compiled extension, its instruction sets and its threads."""

from fastcnn import config

try:
    from fastcnn.kernels import native

    if native.__file__ is None:  # not the extension but the folder of its sources
        raise ImportError("no module native.abi3.so")
except ImportError as error:
    raise ImportError(
        "fastcnn's compiled kernels are missing beside its Python files. Build them with "
        f"`pip install .` or `pip install -e .` in the source folder. ({error})"
    ) from error

# The float types that each backend computes in.
FLOATS = {"native": ("float32",), "reference": ("float32", "float64")}


def instruction_set() -> str:
    """The instruction set that the native kernels use: "avx512", "avx2", "baseline" or "neon"."""
    return native.instruction_set()


def instruction_sets() -> list[str]:
    """The instruction sets that this machine can run, best first."""
    return native.instruction_sets()


def set_instruction_set(name: str | None):
    """Use another instruction set for kernels bound from now on; None: the best one.

    Results of different sets agree within rounding, not to the last bit.

    Raises:
        ValueError: the machine does not have it; the error lists those it has.
    """
    native.set_instruction_set(name or instruction_sets()[0])
    config.changed()  # models bind their kernels again


def _update_threads():
    native.set_num_threads(config.num_threads(), config.threads_were_set())


config.on_change(_update_threads)
_update_threads()
