#!/bin/bash
# Writes docs/config.md, the reference of all configuration keys, from the program's own schema.
#   tools/config_reference.sh          writes the page
#   tools/config_reference.sh --print  prints it
# Environment: CROSSTOWER (the program; build/crosstower), BUILD (build).
set -eu
cd "$(dirname "$0")/.."
program=${CROSSTOWER:-${BUILD:-build}/crosstower}
page=docs/config.md

if [ ! -x "$program" ]; then
    echo "config_reference: no program '$program': run make first" >&2
    exit 1
fi
case ${1:-} in
"") ;;
--print) exec "$program" config --explain --markdown ;;
*)
    echo "usage: tools/config_reference.sh [--print]" >&2
    exit 2
    ;;
esac
# The page changes only when the program printed all of it.
fresh=$(mktemp "$page.XXXXXX")
trap 'rm -f "$fresh"' EXIT
"$program" config --explain --markdown >"$fresh"
chmod 644 "$fresh"
mv "$fresh" "$page"
echo "$page"
