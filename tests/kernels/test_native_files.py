"""The files of the compiled kernels: each says what it uses, which files included before it define.

The files of fastcnn/kernels/native share one namespace, so neither Cython nor C notices when a
dependency goes the wrong way round. The head of each file lists its dependencies:

    # uses: team (Kernel, ceil_div), geometry (image_blocks)
"""

import re

import pytest

from tests.support.paths import SOURCES

FOLDER = SOURCES / "fastcnn" / "kernels" / "native"
INCLUDED = re.findall(r'^include "(\w+)\.pxi"$', (FOLDER / "native.pyx").read_text(), re.M)
# At the start of a line: functions, classes, type definitions and variables, with or without cdef.
DEFINITIONS = re.compile(
    r"(?:def|cdef(?: inline)?(?: const)? [\w]+ ?\**) ?(\w+)\("
    r"|cdef class (\w+)"
    r"|ctypedef [^(]*\(\*(\w+)\)"
    r"|(?:cdef (?!class|inline|enum)(?:const )?\w+ \*?)?(\w+(?: = [^,(#]+, \w+)*) ="
)


def text(name):
    return (FOLDER / f"{name}.pxi").read_text()


def code(name):
    """The file without comments, docstrings and strings."""
    source = re.sub(r'"""[\s\S]*?"""|"[^"\n]*"', '""', text(name))
    return re.sub(r"#.*", "", source)


def definitions(name):
    """The names that a file defines for all files."""
    names = set()
    for line in code(name).splitlines():
        if found := DEFINITIONS.match(line):
            function, class_, type_, variables = found.groups()
            names.add(function or class_ or type_)
            names |= set(re.findall(r"(?:^|, )(\w+)", variables or ""))
    for members in re.findall(r"^cdef enum:\n((?:    .*\n)+)", code(name), re.M):
        names |= set(re.findall(r"[A-Z]\w+", members))
    return names - {None}


DEFINED = {name: definitions(name) for name in INCLUDED}


def words(name):
    """The names in a file's code that are not attributes."""
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code(name)))


def uses(name):
    """{file: names} that this one uses, as its code shows."""
    used = {other: words(name) & DEFINED[other] for other in INCLUDED if other != name}
    return {other: names for other, names in used.items() if names}


def head(name):
    """{file: names} that this one uses, as its head says; None where there is no such line."""
    found = re.search(r"^# uses:((?:.*\n)(?:#   .*\n)*)", text(name), re.M)
    if not found:
        return None
    entries = re.findall(r"(\w+)\s+\(([^)]*)\)", found[1].replace("\n#", " "))
    return {other: set(re.split(r",\s*", names)) for other, names in entries}


def test_every_file_is_included():
    assert sorted(INCLUDED) == sorted(path.stem for path in FOLDER.glob("*.pxi"))
    assert INCLUDED[-1] == "conv_algorithms"


@pytest.mark.parametrize("name", INCLUDED)
def test_the_head_lists_what_the_file_uses(name):
    lines = text(name).splitlines()
    assert lines[0].startswith("# ")
    assert not lines[0].startswith("# uses")
    assert DEFINED[name]
    assert head(name) == uses(name)


@pytest.mark.parametrize("name", INCLUDED)
def test_only_files_included_before_are_used(name):
    assert set(uses(name)) <= set(INCLUDED[: INCLUDED.index(name)])


def test_only_the_kernels_constructor_reads_the_global_table():
    assert [name for name in INCLUDED if "table_in_use" in words(name)] == ["team"]
    functions = re.split(r"^ *(?=def )", code("team"), flags=re.M)
    users = [function.split("(")[0] for function in functions if "table_in_use" in function]
    assert users[1:] == ["def instruction_set", "def set_instruction_set", "def __cinit__"]


@pytest.mark.parametrize("name", INCLUDED)
def test_every_product_says_whether_there_is_a_residual(name):
    """Cython does not initialize a struct on the stack: the tile would read a wild pointer."""
    for function in re.split(r"^ *(?:cdef|def) [^=\n]*\(", code(name), flags=re.M):
        for product in re.findall(r"cdef Product (\w+)$", function, re.M):
            assert f"{product}.residual" in function
