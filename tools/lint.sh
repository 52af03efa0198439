#!/usr/bin/env bash
# Check form, types and documents, as CI does; needs `pip install '.[lint,docs]'`.
set -euo pipefail
cd "$(dirname "$0")/.."

ruff check .
ruff format --check .
cython-lint fastcnn/kernels/native/
tools/typecheck.sh
find fastcnn/kernels/csrc tests/kernels/neon -name '*.[ch]' -exec clang-format --dry-run --Werror {} +
NO_MKDOCS_2_WARNING=1 mkdocs build --strict
