"""Builds fastcnn's one extension: an OpenMP probe and a debug switch; the rest is pyproject.toml.

FASTCNN_NO_OPENMP=1 builds a serial extension, FASTCNN_DEBUG=1 one with bounds checks and symbols.
docs/wheels.md says what is built for which platform.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

KERNELS = Path("fastcnn/kernels")
# Aligned loops: otherwise their speed varies by 5 % with the addresses that the linker gives them.
C_FLAGS = ["-O3", "-falign-loops=32", "-g0", "-std=gnu11", "-fno-math-errno", "-ffp-contract=fast"]
C_FLAGS += ["-fno-asynchronous-unwind-tables"]  # only C++ and debuggers use them
# What Cython makes organizes the kernels and does not compute: -O2 makes it a fifth smaller.
CYTHON_FLAGS = ["-O2"]
DEBUG = os.environ.get("FASTCNN_DEBUG") == "1"
SERIAL = os.environ.get("FASTCNN_NO_OPENMP") == "1" or sys.platform == "win32"
OPENMP = [
    (["-fopenmp"], ["-fopenmp"])
]  # flags of compiler and linker, of which the first that work
if sys.platform == "darwin":  # Apple's clang, with the libomp of another source
    OPENMP.append((["-Xpreprocessor", "-fopenmp"], ["-lomp"]))
# A free-threaded Python has no limited API before 3.15. The extension does not declare that it runs
# without the GIL, so such a Python enables the GIL when it imports it (docs/wheels.md).
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")


def compiles(compiler, program, flags):
    """Whether the compiler makes a program of this C source, with the flags of the environment."""
    before, after = (shlex.split(os.environ.get(name, "")) for name in ("CFLAGS", "LDFLAGS"))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(program)
        target = str(Path(folder, "probe"))
        command = [*compiler, *before, str(source), "-o", target, *flags, *after]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError:
            return False
        return done.returncode == 0


def in_parallel(compile_files):
    """A compiler's method `compile` that compiles its files at the same time."""

    def compile_one(source, options):
        flags = options["extra_postargs"]
        if Path(source).name == "native.c":
            flags = [*flags, *CYTHON_FLAGS]
        return compile_files([source], **{**options, "extra_postargs": flags})

    def compile_each(sources, **options):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(lambda source: compile_one(source, options), sources)
            return [path for one in objects for path in one]

    return compile_each


def use_clang_cl(compiler):
    """Let setuptools' compiler class for Visual Studio call clang-cl: the sources are GNU C."""
    compiler.initialize()
    compiler.cc = shutil.which("clang-cl")
    if compiler.cc is None:
        sys.exit("fastcnn needs clang-cl on Windows. Install LLVM 20 or newer, and Visual Studio.")


class Build(build_ext):
    """Probes the compiler before it builds, and keeps the source tree runnable."""

    def build_extensions(self):
        if sys.platform == "win32":
            use_clang_cl(self.compiler)
            for extension in self.extensions:
                flags = extension.extra_compile_args
                extension.extra_compile_args = [f"/clang:{flag}" for flag in flags]
            CYTHON_FLAGS[:] = [f"/clang:{flag}" for flag in CYTHON_FLAGS]
        else:
            self.check_compiler()
        self.compiler.compile = in_parallel(self.compiler.compile)
        super().build_extensions()

    def check_compiler(self):
        """Say in one sentence what is missing; add the flags of OpenMP that work."""
        compiler = self.compiler.compiler_so[:1]
        works = compiles(compiler, "int main(void) { return 0; }", [])
        if not works:
            sys.exit(
                f"fastcnn needs a C compiler, and `{compiler[0]}` does not work here. "
                "Install gcc or clang (Debian, Ubuntu: apt-get install gcc libc6-dev)."
            )
        works = compiles(
            compiler,
            "#include <Python.h>\nint main(void) { return 0; }",
            [f"-I{sysconfig.get_paths()['include']}"],
        )
        if not works:
            sys.exit(
                "fastcnn needs the headers of this Python, and Python.h does not compile here. "
                "Install them (Debian, Ubuntu: apt-get install python3-dev)."
            )
        if not SERIAL:
            program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }"
            for compile_flags, link_flags in OPENMP:
                works = compiles(compiler, program, [*compile_flags, *link_flags])
                if works:
                    break
            else:
                sys.exit(
                    f"fastcnn's threads need OpenMP, and `{compiler[0]} -fopenmp` does not work "
                    "here. Install it (Debian, Ubuntu: libgomp1 with gcc, libomp-dev with clang), "
                    "or set FASTCNN_NO_OPENMP=1 for a build that uses one thread."
                )
            for extension in self.extensions:
                extension.extra_compile_args.extend(compile_flags)
                extension.extra_link_args.extend(link_flags)

    def run(self):
        super().run()
        self.copy_into_source_tree()

    def copy_into_source_tree(self):
        """`python -m` beside the sources finds fastcnn/ there first: it has to be complete."""
        if self.inplace:
            return
        for extension in self.extensions:
            built = Path(self.get_ext_fullpath(extension.name))
            beside = KERNELS / built.name
            if built.exists() and os.access(KERNELS, os.W_OK):
                shutil.copy2(built, beside)


def description():
    """README.md without pictures and links in the repository, which lead nowhere on other pages."""
    text = Path("README.md").read_text("utf-8")
    text = re.sub(r"!\[[^]]*\]\((?!https?:)[^)]+\)\n*", "", text)  # pictures
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"\1", text)


extension = Extension(
    "fastcnn.kernels.native",
    [
        str(KERNELS / "native" / "native.pyx"),
        *(str(path) for path in sorted(KERNELS.glob("csrc/**/*.c"))),
    ],
    include_dirs=[str(KERNELS)],
    depends=[
        str(path)
        for pattern in ("native/*.p*", "csrc/**/*.h")
        for path in sorted(KERNELS.glob(pattern))
    ],
    extra_compile_args=[*C_FLAGS, "-g"] if DEBUG else [*C_FLAGS],
    py_limited_api=LIMITED,
    define_macros=[("Py_LIMITED_API", "0x030B0000")] if LIMITED else [],
)

setup(
    ext_modules=cythonize(
        [extension],
        include_path=[str(KERNELS / "native")],  # for tiles.pxd
        compiler_directives={
            "language_level": 3,
            "binding": True,
            "boundscheck": DEBUG,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
        },
        show_all_warnings=True,
    ),
    cmdclass={"build_ext": Build},
    long_description=description(),
    long_description_content_type="text/markdown",
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {},
)
