#!/usr/bin/env bash
# Test coverage of the Python code: at least 95 % of lines and branches combined, and every branch of
# the algorithm selection.
#
#     tools/coverage.sh [pytest arguments]        requires the test extra in `PYTHON`, default python
#
# Code that runs in separate processes (forks, kills) is not counted: the result is a lower bound.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
export COVERAGE_FILE=$data/coverage
status=0
"$python" -m pytest -q -p no:cacheprovider --cov=fastcnn --cov-branch --cov-report= "$@" || status=$?
"$python" -m coverage report --skip-covered --fail-under=95 || status=$?
"$python" -m coverage report --include='*/kernels/choice.py' --show-missing --fail-under=100 ||
    status=$?
exit $status
