#!/bin/bash
# docs/config.md says what the program says. Prints "ok NAME" or "not ok NAME".
set -u
cd "$(dirname "$0")/../.." || exit 1
page=docs/config.md
printed=$(mktemp) || exit 1
difference=$(mktemp) || exit 1
trap 'rm -f "$printed" "$difference"' EXIT

fails() { # name, then the reason on standard input
    echo "not ok $1"
    sed 's/^/# /'
}

if ! tools/config_reference.sh --print >"$printed" 2>"$difference"; then
    fails config_reference_prints <"$difference"
    exit 1
fi
if grep -q '^| `platforms' "$printed" && grep -q '^| `train\.lr`' "$printed"; then
    echo "ok config_reference_prints"
else
    echo "the page lacks keys that every version has" | fails config_reference_prints
fi
if diff -u "$page" "$printed" >"$difference" 2>&1; then
    echo "ok config_reference_is_current"
else
    { echo "$page differs from what the program prints; tools/config_reference.sh writes it"; head -n 40 "$difference"; } |
        fails config_reference_is_current
fi
