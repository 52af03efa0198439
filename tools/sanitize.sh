#!/usr/bin/env bash
# Run the tests with AddressSanitizer, UndefinedBehaviorSanitizer and Cython's bounds checks.
#
#     tools/sanitize.sh [pytest arguments]        default: the tests that use the kernels
#
# Requires GCC with libasan and libubsan (part of gcc on Debian and Ubuntu) and the test extra in
# `PYTHON` (default: python). Builds in a copy of the tree and does not modify the tree itself; the
# copy is in `WORK` if that is set, which makes the next build incremental. Fails if there is any
# report.
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
    set -- tests/kernels/test_kernels.py tests/layers/test_layers_kernels.py tests/layers/test_layers_depthwise.py \
        tests/kernels/test_exactness.py tests/kernels/test_kernel_arguments.py tests/training/test_same_bits.py \
        tests/layers/test_layers.py tests/layers/test_layers_protocol.py tests/layers/test_layers_augmentation.py \
        tests/training/test_training.py \
        tests/training/test_interrupt.py tests/training/test_optimizers.py tests/training/test_losses.py --shapes 200
fi
# Python and NumPy are not instrumented: they use malloc so that ASan tracks their memory, and leaks
# at exit are ignored.
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
