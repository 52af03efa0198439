"""Type checkers and editors see what exists: the extension's stub, the lazily imported names."""

import ast
import importlib
import shutil
from pathlib import Path

import pytest

import fastcnn
from fastcnn.kernels import native
from tools import native_stub

PACKAGE = Path(fastcnn.__file__).parent
LAZY = (
    "fastcnn",
    "fastcnn.callbacks",
    "fastcnn.datasets",
    "fastcnn.kernels",
    "fastcnn.kernels.functions",
    "fastcnn.layers",
    "fastcnn.losses",
    "fastcnn.metrics",
    "fastcnn.ops",
    "fastcnn.optimizers",
    "fastcnn.plot",
    "fastcnn.preprocessing",
    "fastcnn.saving",
    "fastcnn.tf",
    "fastcnn.utils",
)


def visible_names(path):
    """The names at the top of a file as a type checker sees them; those of stars are looked up."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            module = importlib.import_module(node.module)
            names |= set(getattr(module, "__all__", ())) or visible_names(Path(module.__file__))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


@pytest.mark.parametrize("name", LAZY)
def test_lazily_imported_names_are_visible_to_type_checkers(name):
    module = importlib.import_module(name)
    public = {*getattr(module, "__all__", ()), *dir(module)}
    public = {entry for entry in public if not entry.startswith("_") and "." not in entry}
    submodules = {path.stem for path in Path(module.__file__).parent.iterdir()}
    assert public - submodules <= visible_names(Path(module.__file__))


def test_the_stub_of_the_extension_has_its_functions():
    kind = type(native.num_threads)
    functions = {name for name, value in vars(native).items() if type(value) is kind}
    functions = {name for name in functions if not name.startswith("_")}
    stub = ast.parse((PACKAGE / "kernels" / "native.pyi").read_text("utf-8")).body
    assert functions == {node.name for node in stub if isinstance(node, ast.FunctionDef)}


@pytest.mark.skipif(not shutil.which("ruff"), reason="ruff formats the stub")
def test_the_stub_of_the_extension_is_up_to_date():
    assert native_stub.STUB.read_text("utf-8") == native_stub.stub()


def test_the_package_is_marked_as_typed():
    assert (PACKAGE / "py.typed").exists()
