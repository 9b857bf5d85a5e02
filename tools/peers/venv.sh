#!/bin/bash
# Prints the path of a Python that has the packages of tools/peers/requirements.txt, made in build/peers on first use
# (some gigabytes). When packages cannot be fetched it says so on stderr and gives the Python with those that it has: a
# peer that misses a module is then skipped.
set -u
cd "$(dirname "$0")/../.." || exit 1
VENV=$(realpath -m "${BUILD:-build}")/peers
LIST=tools/peers/requirements.txt
PYTHON=$VENV/bin/python

if ! { [ -x "$PYTHON" ] && "$PYTHON" -m pip --version; } >/dev/null 2>&1; then
    rm -rf "$VENV"
    python3 -m venv "$VENV" >&2 || exit
fi
if ! cmp -s $LIST "$VENV/installed.txt"; then
    echo "peers: installing the packages of $LIST into $VENV" >&2
    if "$PYTHON" -m pip install --quiet --disable-pip-version-check -r $LIST >&2; then
        cp $LIST "$VENV/installed.txt"
    else
        echo "peers: the packages of $LIST could not be installed" >&2
    fi
fi
echo "$PYTHON"
