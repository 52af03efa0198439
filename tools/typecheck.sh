#!/usr/bin/env bash
# Check types with mypy: the package, the README's script as a user would write it, and that mistakes
# in such a script are found. Settings are in pyproject.toml. Arguments are passed on to mypy.
set -euo pipefail
cd "$(dirname "$0")/.."

mypy "$@"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
script=$work/readme.py
sed -n '/^```python$/,/^```$/{/^```/d;p;}' README.md | sed '/^from fastcnn import kernels$/,$d' >"$script"
export MYPYPATH=$PWD
mypy "$@" "$script"

# Each line replaces an argument of the script by one of a wrong type.
while IFS='|' read -r right wrong; do
    grep -qF -- "$right" "$script"
    python3 -c 'import sys; text = open(sys.argv[1]).read(); print(text.replace(*sys.argv[2:]))' \
        "$script" "$right" "$wrong" >"$work/wrong.py"
    if mypy "$@" "$work/wrong.py" >/dev/null; then
        echo "tools/typecheck.sh: mypy accepts $wrong" >&2
        exit 1
    fi
done <<'END'
Conv2D(64, 3|Conv2D("64", 3
Conv2D(64, 3|Conv2D(64, kernels=3
Dense(10|Dense(units=None
MaxPooling2D(2)|MaxPooling2D(2.5)
Flatten()|Flaten()
epochs=5|epochs="5"
compile("adam"|compile(3
metrics=["accuracy"]|metrics=3
END
