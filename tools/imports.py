#!/usr/bin/env python3
"""Print which wings of fastcnn import which, and fail if an import runs up the layering.

    tools/imports.py            the drawing; exit status 1 on an upward import or a circle
    tools/imports.py --modules  each import behind an arrow as well

A wing is a module or a package directly in `fastcnn/`. `fastcnn/__init__.py` is the wing
"face": modules below it may not import it, so `from fastcnn import X` works for them only where X
is a module. `LAYERS` is the intended order: a wing may import its own layer and all layers below.

An import inside a function is "late": it counts for the layering but cannot close a circle, which
is a matter of modules at import time. Not seen are imports by string (`import_module`), with which
a package re-exports its own modules, and imports for type checkers only.
"""

import argparse
import ast
import re
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

FACE = "face"
LAYERS = (  # from the top
    ("__main__", "fashion", "keras", "recipes", "tf"),  # programs and aliases that use the face
    (FACE,),
    ("demo", "preprocessing", "report"),
    ("backend", "datasets", "ops", "plot", "testing", "utils", "wrappers"),
    ("models",),
    ("distribution",),
    ("training", "callbacks"),
    ("saving",),
    ("plan",),
    ("layers", "losses", "metrics", "optimizers"),
    ("data",),
    ("activations", "initializers", "regularizers", "constraints"),
    ("kernels",),
    ("config", "random"),
    ("core",),
)


class Import(NamedTuple):
    """One module that imports another."""

    source: str
    target: str
    line: int
    late: bool

    def __str__(self):
        late = ", late" if self.late else ""
        return f"{self.source} -> {self.target} (line {self.line}{late})"


def find_modules(package):
    """{name: path} of the Python and Cython modules in a package's folder."""
    modules = {}
    for path in sorted([*package.rglob("*.py"), *package.rglob("*.pyx")]):
        parts = list(path.relative_to(package.parent).with_suffix("").parts)
        if parts[-1] == "__init__" or parts[-2:-1] == parts[-1:]:  # native/native.pyx is `native`
            parts.pop()
        modules[".".join(parts)] = path
    return modules


def find_imports(package):
    """Every `Import` between the modules of a package."""
    modules = find_modules(package)
    return [found for name in modules for found in _imports_of(name, modules)]


def _imports_of(source, modules):
    path = modules[source]
    for node, late in _statements(_parse(path), late=False):
        for name in _names(node, source, is_package=path.name == "__init__.py"):
            target = name if name in modules else name.rpartition(".")[0]
            if target in modules and target != source:
                yield Import(source, target, node.lineno, late)


def _parse(path):
    text = path.read_text("utf-8")
    if path.suffix == ".pyx":  # its import statements are Python, the rest is not
        lines = text.split("\n")
        text = "\n".join(line if re.match(r"(from \S+ )?import ", line) else "" for line in lines)
    return ast.parse(text)


def _statements(node, late):
    """Yield (import statement, whether it is inside a function)."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node, late
    late = late or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = node.orelse
    for child in children:
        yield from _statements(child, late)


def _names(node, source, is_package):
    """What an import statement names, as absolute dotted names."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = node.module
    if node.level:
        parts = source.split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, *([base] if base else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def wing_of(module):
    """The wing of a dotted module name."""
    return module.split(".")[1] if "." in module else FACE


def upward(imports, layers=LAYERS):
    """The imports that run up the layering.

    Raises:
        ValueError: a wing is in no layer.
    """
    height = {wing: -row for row, layer in enumerate(layers) for wing in layer}
    unknown = sorted({wing_of(name) for found in imports for name in found[:2]} - set(height))
    if unknown:
        raise ValueError(f"Give these wings a layer in tools/imports.py: {', '.join(unknown)}")
    return [
        found for found in imports if height[wing_of(found.source)] < height[wing_of(found.target)]
    ]


def circles(imports):
    """The circles among modules at import time: lists of modules, each of which reaches the others.

    These are the strongly connected components of more than one module (Tarjan 1972).
    """
    targets = {}
    for found in imports:
        targets.setdefault(found.source, set()).update(() if found.late else (found.target,))
    index, lowest, path, found = {}, {}, [], []

    def visit(module):
        index[module] = lowest[module] = len(index)
        path.append(module)
        for target in sorted(targets.get(module, ())):
            if target not in index:
                visit(target)
            if target in path:
                lowest[module] = min(lowest[module], lowest[target])
        if lowest[module] == index[module]:
            start = path.index(module)
            if len(path) - start > 1:
                found.append(sorted(path[start:]))
            del path[start:]

    for module in sorted(targets):
        if module not in index:
            visit(module)
    return found


def drawing(imports, layers=LAYERS):
    """The layers from the top, each with the arrows that leave its wings and their counts."""
    arrows = Counter((wing_of(found.source), wing_of(found.target)) for found in imports)
    late = Counter((wing_of(i.source), wing_of(i.target)) for i in imports if i.late)
    lines = []
    for layer in layers:
        lines.append("  ".join(layer))
        for wing in layer:
            for (source, target), count in sorted(arrows.items()):
                if source == wing != target:
                    note = f", {late[source, target]} late" if late[source, target] else ""
                    lines.append(f"    {source} -> {target} ({count}{note})")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modules", action="store_true", help="list each import between wings")
    arguments = parser.parse_args()
    imports = find_imports(Path(__file__).resolve().parent.parent / "fastcnn")
    print(drawing(imports))
    if arguments.modules:
        print("\nImports between wings:")
        for found in imports:
            if wing_of(found.source) != wing_of(found.target):
                print(f"    {found}")
    wrong = upward(imports)
    if wrong:
        print("\nImports that run up the layering:")
        for found in wrong:
            print(f"    {found}")
    closed = circles(imports)
    for circle in closed:
        print("\nAn import circle:", " ".join(circle))
    return 1 if wrong or closed else 0


if __name__ == "__main__":
    sys.exit(main())
