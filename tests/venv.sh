#!/bin/bash
# Prints the path of a Python that has what tests/requirements.txt lists, made in build/venv on first use. Fails when
# there is no Python. When packages cannot be fetched it says so on stderr and gives the Python without them: a check
# that misses a module prints "skip NAME reason".
set -u
cd "$(dirname "$0")/.." || exit 1
VENV=$(realpath -m "${BUILD:-build}")/venv
LIST=tests/requirements.txt
PYTHON=$VENV/bin/python

if ! { [ -x "$PYTHON" ] && "$PYTHON" -m pip --version; } >/dev/null 2>&1; then
    rm -rf "$VENV"
    if ! python3 -m venv "$VENV" >&2; then
        rm -rf "$VENV"
        command -v python3
        exit
    fi
fi
if [ -s $LIST ] && ! cmp -s $LIST "$VENV/installed.txt"; then
    if "$PYTHON" -m pip install --quiet --disable-pip-version-check -r $LIST >&2; then
        cp $LIST "$VENV/installed.txt"
    else
        echo "venv: the packages of $LIST could not be installed" >&2
    fi
fi
echo "$PYTHON"
