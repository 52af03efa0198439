#!/usr/bin/env bash
# Run the multithreading tests with ThreadSanitizer, using clang with its own OpenMP and Archer.
#
#     tools/tsan.sh [pytest arguments]        default: the tests in which threads share work
#
# GCC's OpenMP is not instrumented, so TSan reports races at every barrier; LLVM's OpenMP informs
# TSan about synchronization through Archer. Requires (Debian, Ubuntu) clang-14, libclang-rt-14-dev
# and libomp-14-dev, or newer versions with LLVM=<version>, and a `PYTHON` (default: python) with
# libpython3.x.so and the test extra. Builds in a copy of the tree (`WORK`, see sanitize.sh), along
# with a small program around libpython, because TSan must be linked into the main program. Fails if
# there is any report.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
llvm=${LLVM:-14}
clang=clang-$llvm
openmp=/usr/lib/llvm-$llvm/lib
for needed in "$openmp/libomp.so" "$openmp/libarcher.so"; do
    [ -e "$needed" ] || { echo "tsan.sh: $needed is missing (see the head of this file)"; exit 2; }
done
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree" "$work/reports" "$work/python/bin"
rm -f "$work"/reports/*
tar --exclude=./build --exclude='*.so' --exclude=./.git --exclude=__pycache__ -cf - . |
    tar -xf - -C "$work/tree"

read -r folder version home packages < <("$python" -c '
import sys, sysconfig
get = sysconfig.get_config_var
print(get("LIBDIR"), get("LDVERSION"), get("BINDIR"), sysconfig.get_paths()["purelib"])')
echo "home = $home" >"$work/python/pyvenv.cfg"
"$clang" -fsanitize=thread -x c - -o "$work/python/bin/python" -L"$folder" \
    "-lpython$version" "-Wl,-rpath,$folder" <<'PROGRAM'
int Py_BytesMain(int count, char **arguments);
int main(int count, char **arguments) { return Py_BytesMain(count, arguments); }
PROGRAM

cd "$work/tree"
echo "building with -fsanitize=thread in $work (a few minutes)"
CC=$clang CFLAGS="-fsanitize=thread" FASTCNN_DEBUG=1 \
    LDSHARED="$clang -shared -L$openmp -Wl,-rpath,$openmp" \
    "$python" setup.py -q build_ext --inplace >"$work/build.log" 2>&1 ||
    { tail -20 "$work/build.log"; exit 1; }

if [ $# -eq 0 ]; then
    set -- tests/kernels/test_exactness.py tests/training/test_same_bits.py tests/training/test_interrupt.py -k \
        "random_shapes or threads or train" --shapes 20
fi
export PYTHONPATH=$packages OMP_TOOL_LIBRARIES=$openmp/libarcher.so OMP_NUM_THREADS=3
export TSAN_OPTIONS="ignore_noninstrumented_modules=1:log_path=$work/reports/tsan:exitcode=0"
# TSan requires fixed address ranges: disable address space randomization
run=(setarch "$(uname -m)" -R "$work/python/bin/python" -m pytest -q -p no:cacheprovider)
status=0
"${run[@]}" "$@" || status=$?
if compgen -G "$work/reports/*" >/dev/null; then
    cat "$work"/reports/* | head -300
    echo "tsan.sh: reports above"
    exit 1
fi
echo "tsan.sh: no reports, pytest's status is $status"
exit $status
