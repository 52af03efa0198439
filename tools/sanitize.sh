#!/usr/bin/env bash
# The tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer, Cython's bounds checks on.
#
#     tools/sanitize.sh [pytest arguments]        default: the tests that reach the kernels
#
# Needs GCC with libasan and libubsan (Debian, Ubuntu: they come with gcc) and the test extra in the
# Python that runs (`PYTHON`, default python). Builds in a copy of the tree, in `WORK` if that is
# given (then the next build is incremental), and leaves the tree alone. Ends with an error if there
# is a single report.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work/tree" "$work/reports"
rm -f "$work"/reports/*
tar --exclude=./build --exclude='*.so' --exclude=./.git --exclude=__pycache__ -cf - . |
    tar -xf - -C "$work/tree"
cd "$work/tree"

sanitizers=-fsanitize=address,undefined,float-cast-overflow
echo "building with $sanitizers in $work (a few minutes)"
CFLAGS="$sanitizers -fno-omit-frame-pointer" LDFLAGS=$sanitizers FASTCNN_DEBUG=1 \
    "$python" setup.py -q build_ext --inplace >"$work/build.log" 2>&1 ||
    { tail -20 "$work/build.log"; exit 1; }

if [ $# -eq 0 ]; then
    set -- tests/test_kernels.py tests/test_layers_kernels.py tests/test_layers_depthwise.py \
        tests/test_exactness.py tests/test_kernel_arguments.py tests/test_same_bits.py \
        tests/test_layers.py tests/test_layers_protocol.py tests/test_layers_augmentation.py \
        tests/test_training.py \
        tests/test_interrupt.py tests/test_optimizers.py tests/test_losses.py --shapes 200
fi
# Python and NumPy are not built for this: their memory comes from malloc so that ASan sees it,
# and what they leave at exit is not looked at.
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=1:log_path=$work/reports/asan"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$work/reports/ubsan"
export PYTHONMALLOC=malloc
status=0
"$python" -m pytest -q -p no:cacheprovider "$@" || status=$?
if compgen -G "$work/reports/*" >/dev/null; then
    cat "$work"/reports/* | head -200
    echo "sanitize.sh: reports above"
    exit 1
fi
echo "sanitize.sh: no reports, pytest's status is $status"
exit $status
