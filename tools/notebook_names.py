#!/usr/bin/env python3
"""Count the cells of notebooks whose names of Keras and TensorFlow all exist in fastcnn.

    tools/notebook_names.py FOLDER [--missing 30] [--files]

Reads the notebooks (.ipynb) and scripts (.py, one cell each) below a folder; nothing is run. A cell
counts if it uses a name of `keras` or `tensorflow`: a module, or what was imported or assigned from
one in this or an earlier cell. Chains of attributes (`tf.keras.layers.Conv2D`) are looked up in
fastcnn, as far as they lead through modules and classes; keyword arguments of calls are compared
with signatures. Lines that are not Python (`%matplotlib`, `!pip`) are left out.
"""

import argparse
import ast
import importlib
import inspect
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ROOTS = {"keras": "fastcnn", "tensorflow": "fastcnn.tf", "fastcnn": "fastcnn"}


class Cell(NamedTuple):
    """What one cell uses."""

    names: set  # dotted names, such as keras.layers.Conv2D
    missing: set  # those that do not exist, and arguments: keras.layers.Conv2D(groups=)


def sources(path):
    """The code cells of a notebook, or the text of a script."""
    text = path.read_text("utf-8", errors="replace")
    if path.suffix == ".py":
        return [text]
    try:
        cells = json.loads(text).get("cells", [])
    except (ValueError, AttributeError):
        print(f"{path}: not a notebook", file=sys.stderr)
        return []
    return ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]


def parse(source):
    """The syntax tree of a cell without its magic lines; None if it is not Python."""
    if re.match(r"\s*%%(?!time|capture)", source):
        return None
    lines = [
        re.sub(r"^(\s*)[%!?].*", r"\1pass", re.sub(r"^(\s*)(\w+) = !.*", r"\1\2 = None", line))
        for line in source.split("\n")
    ]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return None


def canonical(name):
    """One spelling of a dotted name: `tensorflow.keras.layers` is `keras.layers`."""
    for prefix, short in (("tensorflow.keras", "keras"), ("fastcnn.tf.keras", "keras")):
        if name == prefix or name.startswith(f"{prefix}."):
            return short + name[len(prefix) :]
    return name


class Reader(ast.NodeVisitor):
    """Collects the names that a file's cells use; remembers what was imported and assigned."""

    def __init__(self):
        self.known = {}  # {name in the file: dotted name}
        self.names, self.calls = set(), set()

    def read(self, tree):
        """(names, {(name, keyword)}) of one cell."""
        self.names, self.calls = set(), set()
        self.visit(tree)
        return self.names, self.calls

    def visit_Import(self, node):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in ROOTS:
                self.names.add(canonical(alias.name))
                self.known[alias.asname or root] = alias.name if alias.asname else root

    def visit_ImportFrom(self, node):
        if node.level or (node.module or "").partition(".")[0] not in ROOTS:
            for alias in node.names:
                self.known.pop(alias.asname or alias.name, None)
            return
        for alias in node.names:
            if alias.name == "*":
                self.names.add(canonical(node.module))
            else:
                self.names.add(canonical(f"{node.module}.{alias.name}"))
                self.known[alias.asname or alias.name] = f"{node.module}.{alias.name}"

    def visit_Assign(self, node):
        self.visit(node.value)
        name = self.dotted(node.value)
        for target in node.targets:
            if not isinstance(target, ast.Name):
                self.visit(target)
            elif name:  # `layers = tf.keras.layers`
                self.known[target.id] = name
            else:
                self.known.pop(target.id, None)

    def visit_FunctionDef(self, node):
        self.known.pop(node.name, None)
        hidden = {
            argument.arg: self.known.pop(argument.arg, None)
            for argument in (*node.args.args, *node.args.kwonlyargs)
        }
        self.generic_visit(node)
        self.known.update({name: value for name, value in hidden.items() if value})

    def visit_Call(self, node):
        name = self.dotted(node.func)
        if name:
            keywords = (keyword.arg for keyword in node.keywords if keyword.arg)
            self.calls.update((canonical(name), keyword) for keyword in keywords)
        self.generic_visit(node)

    def visit_Attribute(self, node):
        name = self.dotted(node)
        if name:
            self.names.add(canonical(name))
        else:
            self.visit(node.value)

    def visit_Name(self, node):
        name = self.dotted(node)
        if name:
            self.names.add(canonical(name))

    def dotted(self, node):
        """The dotted name of an expression, if it leads to Keras or TensorFlow."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.known:
            return None
        return ".".join([self.known[node.id], *reversed(parts)])


class Names:
    """Looks names up in fastcnn, each once."""

    def __init__(self):
        self._found = {}

    def find(self, name):
        """(whether a name exists, its object if it is known)."""
        if name not in self._found:
            self._found[name] = self._look(name)
        return self._found[name]

    def _look(self, name):
        owner, _, attribute = name.rpartition(".")
        if not owner:
            return True, importlib.import_module(ROOTS[name])
        exists, value = self.find(owner)
        if not exists or not (inspect.ismodule(value) or inspect.isclass(value)):
            return exists, None  # a method of an object: unknown
        try:
            return True, getattr(value, attribute)
        except (AttributeError, ImportError):
            pass
        if inspect.ismodule(value):
            try:
                return True, importlib.import_module(f"{value.__name__}.{attribute}")
            except ImportError:
                pass
        return False, None

    def first_missing(self, name):
        """The shortest beginning of a name that does not exist, or None."""
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            if not self.find(".".join(parts[:end]))[0]:
                return ".".join(parts[:end])
        return None

    def takes(self, name, keyword):
        """Whether what a name stands for takes a keyword argument; True if that is not known."""
        _, value = self.find(name)
        try:
            parameters = inspect.signature(value).parameters.values()
        except (TypeError, ValueError):
            return True
        kinds = {parameter.kind for parameter in parameters}
        if inspect.isclass(value) and inspect.Parameter.VAR_POSITIONAL not in kinds:
            from fastcnn.saving.serialization import accepted_arguments

            if keyword in accepted_arguments(value):
                return True
            kinds.discard(inspect.Parameter.VAR_KEYWORD)  # those were just looked up
        if inspect.Parameter.VAR_KEYWORD in kinds:
            return True
        return keyword in {parameter.name for parameter in parameters}


def check(path, names):
    """The cells of a file that use Keras or TensorFlow."""
    reader, cells = Reader(), []
    for source in sources(path):
        tree = parse(source)
        if tree is None:
            continue
        used, calls = reader.read(tree)
        if not used:
            continue
        missing = {names.first_missing(name) for name in used} - {None}
        for name, keyword in calls:
            if not names.first_missing(name) and not names.takes(name, keyword):
                missing.add(f"{name}({keyword}=)")
        cells.append(Cell(used, missing))
    return cells


def report(folder, count, with_files=False):
    """The lines that are printed for a folder."""
    names, lines = Names(), []
    files = sorted(p for p in Path(folder).rglob("*") if p.suffix in (".ipynb", ".py"))
    total = complete = used = 0
    missing, alone = Counter(), Counter()
    for path in files:
        cells = check(path, names)
        good = sum(not cell.missing for cell in cells)
        used, total, complete = used + bool(cells), total + len(cells), complete + good
        for cell in cells:
            missing.update(cell.missing)
            alone.update(cell.missing if len(cell.missing) == 1 else ())
        if with_files and cells:
            lines.append(f"{good:5} of {len(cells):4}  {path.relative_to(folder)}")
    share = f" ({100 * complete / total:.0f}%)" if total else ""
    lines.append(f"{used} files, {total} cells that use Keras or TensorFlow")
    lines.append(f"{complete} cells whose names all exist{share}")
    if missing:
        lines += ["", "cells  alone  missing name"]
        order = sorted(missing, key=lambda name: (-missing[name], name))
        lines += [f"{missing[name]:5}  {alone[name]:5}  {name}" for name in order[:count]]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--missing", type=int, default=30, help="how many missing names to list")
    parser.add_argument("--files", action="store_true", help="list each file as well")
    arguments = parser.parse_args()
    if not Path(arguments.folder).is_dir():
        parser.error(f"{arguments.folder}: there is no such folder")
    print("\n".join(report(arguments.folder, arguments.missing, arguments.files)))


if __name__ == "__main__":
    main()
