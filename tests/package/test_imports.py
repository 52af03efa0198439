"""The wings of fastcnn import downward only, and no modules import each other in a circle."""

import importlib.util

import pytest

from tests.support.paths import ROOT, SOURCES


def load_tool():
    spec = importlib.util.spec_from_file_location("imports", ROOT / "tools" / "imports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


imports = load_tool()


@pytest.fixture(scope="module")
def package():
    return imports.find_imports(SOURCES / "fastcnn")


def test_imports_run_down(package):
    assert imports.upward(package) == []


def test_there_are_no_circles(package):
    assert imports.circles(package) == []


# ----------------------------------------------------------------- the tool on a synthetic package

LAYERS = ((imports.FACE,), ("upper",), ("lower", "other"))
SOUND = {
    "__init__.py": "from house import upper\nversion = 1\n",
    "upper/__init__.py": "from house.upper.one import f\n",
    "upper/one.py": "from house import lower\nfrom house.lower import x\n",
    "lower.py": "import math\n",
    "other.py": "x = 1\n",
}


def house(folder, **changes):
    """The imports of a small package, in which the named files are replaced."""
    files = SOUND | {name.replace("__", "/") + ".py": text for name, text in changes.items()}
    for name, text in files.items():
        path = folder / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return imports.find_imports(folder / "house")


def test_a_sound_package(tmp_path):
    found = house(tmp_path)
    assert [arrow[:2] for arrow in found] == [
        ("house", "house.upper"),
        ("house.upper", "house.upper.one"),
        ("house.upper.one", "house.lower"),
        ("house.upper.one", "house.lower"),
    ]
    assert not imports.upward(found, LAYERS)
    assert not imports.circles(found)
    assert "    upper -> lower (2)" in imports.drawing(found, LAYERS).split("\n")


@pytest.mark.parametrize(
    "text",
    [
        "from house import upper",
        "from house.upper import one",
        "import house.upper.one",
        "from .upper import one",
        "def f():\n    from house.upper.one import x",
        "from house import version",  # only the face has it
        "import house",
    ],
)
def test_an_import_that_runs_up_is_found(text, tmp_path):
    (wrong,) = imports.upward(house(tmp_path, other=text), LAYERS)
    assert wrong.source == "house.other"
    assert wrong.late == ("def" in text)


def test_an_import_for_a_type_checker_is_allowed(tmp_path):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house import upper\n"
    assert not imports.upward(house(tmp_path, other=text), LAYERS)


@pytest.mark.parametrize(
    ("changes", "circle"),
    [
        ({"lower": "from house import other", "other": "import house.lower"}, ["lower", "other"]),
        ({"upper__one": "from house.upper import f"}, ["upper", "upper.one"]),
    ],
)
def test_a_circle_is_found(changes, circle, tmp_path):
    found = imports.circles(house(tmp_path, **changes))
    assert found == [[f"house.{name}" for name in circle]]


def test_a_late_import_closes_no_circle(tmp_path):
    late = "def f():\n    from house import other"
    assert not imports.circles(house(tmp_path, lower=late, other="from house import lower"))


def test_a_wing_without_a_layer_is_named(tmp_path):
    found = house(tmp_path, other="from house import lower")
    with pytest.raises(ValueError, match=r"these wings a layer in tools/imports.py: other"):
        imports.upward(found, (*LAYERS[:2], ("lower",)))


def test_imports_of_cython_are_read(tmp_path):
    folder = tmp_path / "house" / "native"
    folder.mkdir(parents=True)
    text = "from libc.math cimport sqrt\nfrom house.upper import one\n\ncdef int f(): pass\n"
    (folder / "native.pyx").write_text(text, "utf-8")
    assert ("house.native", "house.upper.one", 2, False) in house(tmp_path)
