#!/usr/bin/env bash
# How much of the Python code the tests reach: at least 95 % of the lines and branches together, and
# every branch of the kernels' selection.
#
#     tools/coverage.sh [pytest arguments]        needs the test extra in `PYTHON`, default python
#
# What runs in processes of its own (forks, kills) is not counted, so the figure is a lower bound.
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
