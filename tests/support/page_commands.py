"""The shell commands in the documents: programs, modules, options, files and extras exist."""

import functools
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib

from tests.support.paths import ROOT, SOURCES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# programs that are not of this package, and those that the reader writes
OTHERS = {
    "auditwheel",
    "aws",
    "brew",
    "cd",
    "cp",
    "docker",
    "gunicorn",
    "mkdocs",
    "srun",
    "zip",
    ".",
}
READERS = {"script.py", "app.py"}
OURS = {"benchmarks", "docs", "fastcnn", "tests", "tools"}  # folders with modules


def commands(code):
    """The commands in a block: lines are joined at backslashes and divided at `&&`."""
    for line in code.replace("\\\n", " ").splitlines():
        for command in line.partition(" #")[0].split(" && "):
            if command.strip() and not command.startswith("#"):
                yield command.strip()


def fault(command):
    """What is wrong with a command, in words; "" if nothing is."""
    words = shlex.split(command)
    while re.fullmatch(r"[A-Z_]+=.*", words[0]):  # variables of the environment
        name = words.pop(0).partition("=")[0]
        if name.startswith("FASTCNN_") and name not in variables():
            return f"no variable {name}"
    if words[0] in ("mpiexec", "sudo"):
        del words[: next(i for i, word in enumerate(words) if word in ("python", "apt-get"))]
    program, *arguments = words
    if program in OTHERS or program == "apt-get":
        return ""
    if program == "pip":
        asked = re.findall(r"(?:^|\s)(?:\.|fastcnn)\[(.*?)\]", " ".join(arguments))
        asked = {extra for extras in asked for extra in extras.split(",")}
        return "" if asked <= set(PROJECT["optional-dependencies"]) else f"no extras {asked}"
    if program == "pytest":
        paths = [word.partition("::")[0] for word in arguments if word.startswith("tests/")]
        return "" if all((ROOT / path).exists() for path in paths) else f"no files {paths}"
    if program == "python":
        program, *arguments = arguments
        if program == "-c":
            done = subprocess.run(
                [sys.executable, "-c", *arguments], cwd=ROOT, capture_output=True, text=True
            )
            return done.stderr
        if program == "-m":
            program, *arguments = arguments
            if program == "fastcnn" or program.partition(".")[0] not in OURS:
                return ""
            command = [word for word in arguments[:1] if word.isalpha()]  # predict, serve
            return unknown_options(arguments, options_of(program, *command))
    if program in READERS or program == "setup.py":
        return ""
    path = ROOT / program
    if not path.is_file():
        return f"no file {program}"
    return unknown_options(arguments, path.read_text("utf-8"))


@functools.cache
def variables():
    """The names FASTCNN_... in the sources."""
    files = [SOURCES / "setup.py", *(SOURCES / "fastcnn").rglob("*.py")]
    return set(re.findall(r"FASTCNN_\w+", "".join(file.read_text("utf-8") for file in files)))


@functools.cache
def options_of(module, *command):
    """A text with the options of `python -m module command`: its help, or its source."""
    if importlib.util.find_spec(module) is None:
        return ""
    if module.startswith("fastcnn."):
        program = [sys.executable, "-m", module, *command, "--help"]
        return subprocess.run(program, cwd=ROOT, capture_output=True, text=True).stdout
    path = ROOT / module.replace(".", "/")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return "".join(file.read_text("utf-8") for file in files)


def unknown_options(arguments, known):
    if not known:
        return "no such module"
    options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
    unknown = [option for option in options if not re.search(rf"{re.escape(option)}\b", known)]
    return f"no options {unknown}" if unknown else ""
