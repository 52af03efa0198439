#!/usr/bin/env bash
# Cross-compile the wheel for ARM, and run tests with it on a whole Python of that machine, emulated.
#
#     tools/emulate.sh armhf|arm64 [FOLDER [pytest arguments]]
#                                     default: a temporary folder, the kernels' named shapes
#
# Debian 12, as root, with mmdebstrap, qemu-user and gcc-arm-linux-gnueabihf or gcc-aarch64-linux-gnu;
# `PYTHON` (default: python3.11) has Cython, setuptools and pytest. Debian's Python, NumPy and libgomp
# of the other machine are unpacked into FOLDER/root, where nothing of it is installed or run but
# Python. FOLDER/root and FOLDER/dist are used again if they are there.
set -euo pipefail
sources=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v "${PYTHON:-python3.11}")
case ${1:-} in
armhf) triplet=arm-linux-gnueabihf machine=armv7l emulator=qemu-arm ;;
arm64) triplet=aarch64-linux-gnu machine=aarch64 emulator=qemu-aarch64 ;;
*) echo "tools/emulate.sh armhf|arm64 [FOLDER [pytest arguments]]" >&2; exit 2 ;;
esac
arch=$1
shift
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] && shift || trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- tests/kernels/test_kernels.py
mkdir -p "$work"
work=$(cd "$work" && pwd)
root=$work/root

if [ ! -e "$root" ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' | head -1)
    mmdebstrap --quiet --arch="$arch" --variant=extract bookworm "$root" "deb $mirror bookworm main" \
        --include=python3,libpython3.11-dev,python3-numpy,python3-h5py,python3-rich,libgomp1
    # What the packages' scripts would have linked.
    cp -L "$root/usr/lib/$triplet"/{blas/libblas,lapack/liblapack}.so.3 "$root/usr/lib/$triplet/"
fi

if [ ! -e "$work/dist" ]; then
    rm -rf "$work"/{tree,target,include}
    mkdir "$work"/{tree,target,include}
    tar --exclude=./build --exclude='*.so' --exclude=./.git -C "$sources" -cf - . |
        tar -xf - -C "$work/tree"
    # This Python then takes compiler and flags for those that the other Python was built with.
    name=_sysconfigdata__$triplet
    cp "$root/usr/lib/python3.11/$name.py" "$work/target/"
    ln -s "$root/usr/include/$triplet" "$work/include/$triplet"
    echo "building in $work (a few minutes)"
    (cd "$work/tree" &&
        CFLAGS="-I$root/usr/include/python3.11 -I$work/include" PYTHONPATH=$work/target \
            _PYTHON_HOST_PLATFORM=linux-$machine _PYTHON_SYSCONFIGDATA_NAME=$name \
            "$python" setup.py -q bdist_wheel --dist-dir "$work/dist" >"$work/build.log" 2>&1) ||
        { tail -20 "$work/build.log"; exit 1; }
fi
ls -l "$work"/dist/*.whl

rm -rf "$work"/{site,suite}
mkdir "$work"/{site,suite}
"$python" -m zipfile -e "$work"/dist/*.whl "$work/site"
# pytest and what it needs: Python files, the same for all machines.
"$python" - "$work/site" <<'END'
import shutil, sys
from importlib import metadata
from pathlib import Path
for name in ("pytest", "iniconfig", "packaging", "pluggy", "pygments"):
    for file in metadata.files(name):
        if ".." not in file.parts and file.suffix != ".pyc":
            target = Path(sys.argv[1], file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target)
END
cp -r "$sources"/{tests,tools,docs,pyproject.toml} "$work/suite/"
cd "$work/suite"
export PYTHONPATH=$work/site PYTHONDONTWRITEBYTECODE=1 PYTEST_ADDOPTS= FASTCNN_SOURCES=$sources
emulated=("$emulator" -L "$root" "$root/usr/bin/python3.11")
"${emulated[@]}" -c 'import platform; from fastcnn import kernels
print(platform.machine(), *kernels.instruction_sets(), kernels.native.has_openmp())'
"${emulated[@]}" -m pytest -q -p no:cacheprovider --no-header "$@"
