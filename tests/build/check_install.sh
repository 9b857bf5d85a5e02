#!/bin/bash
# Installs into a folder and uses what lies there as a stranger would: the program, both libraries, the headers from C
# and from C++, pkg-config; then uninstalls. Prints "ok NAME", "not ok NAME" or "skip NAME reason".
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=$(realpath --relative-to=. "${BUILD:-build}")
CC=${CC:-gcc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/usr

check() { # name, command...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then echo "ok $name"; else echo "not ok $name"; sed 's/^/# /' "$work/log"; fi
}

cat >"$work/use.c" <<'END'
#include <crosstower/crosstower.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    ct_error err = CT_ERROR_INIT;
    char *text = NULL;
    if (strcmp(ct_version(), CT_VERSION) != 0) return 1;
    if (ct_inspect("no such file", &text, &err) == CT_OK) return 2;
    printf("%s: %s\n", ct_status_name(err.status), err.text);
    return err.text[0] ? 0 : 3;
}
END

exports_only_the_api() {
    local strangers
    strangers=$(nm -D --defined-only "$1" | awk '{ print $3 }' | grep -v '^ct_')
    # What the headers do not declare is nobody's to call.
    for symbol in $(nm -D --defined-only "$1" | awk '{ print $3 }'); do
        grep -qw "$symbol" include/crosstower/*.h || strangers="$strangers $symbol"
    done
    [ -z "$strangers" ] || { echo "exported, not declared: $strangers"; return 1; }
}
exports_all_of_the_api() {
    local declared missing=
    declared=$(grep -hoE '\bCT_API [^;(]*\bct_[a-z0-9_]+\(' include/crosstower/*.h | grep -oE 'ct_[a-z0-9_]+\($')
    for symbol in ${declared//(/}; do
        nm -D --defined-only "$1" | grep -qw "$symbol" || missing="$missing $symbol"
    done
    [ -z "$missing" ] || { echo "declared, not exported:$missing"; return 1; }
}
nothing_is_left() {
    [ -z "$(find "$1" ! -type d)" ] || { find "$1" ! -type d; return 1; }
}

check install make -s install BUILD="$BUILD" PREFIX="$prefix"
check installed_program "$prefix/bin/crosstower" --version
check exports_only_the_api exports_only_the_api "$prefix/lib/libcrosstower.so"
check exports_all_of_the_api exports_all_of_the_api "$prefix/lib/libcrosstower.so"
if command -v pkg-config >/dev/null; then
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
    check use_shared bash -c "$CC -std=c17 -Wall -Wextra -Wpedantic -Werror '$work/use.c' -o '$work/use' \
        \$(pkg-config --cflags --libs crosstower) && LD_LIBRARY_PATH='$prefix/lib' '$work/use'"
    check use_static bash -c "$CC -std=c17 '$work/use.c' -o '$work/use_static' \$(pkg-config --cflags crosstower) \
        '$prefix/lib/libcrosstower.a' \$(pkg-config --static --libs crosstower | sed 's/-lcrosstower//') &&
        '$work/use_static'"
else
    echo "skip use_shared no pkg-config"
    echo "skip use_static no pkg-config"
fi
if command -v g++ >/dev/null; then
    check headers_in_cxx g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -I"$prefix/include" -fsyntax-only \
        -x c++ "$work/use.c"
else
    echo "skip headers_in_cxx no g++"
fi
check uninstall make -s uninstall BUILD="$BUILD" PREFIX="$prefix"
check nothing_is_left nothing_is_left "$prefix"
check install_to_destdir make -s install BUILD="$BUILD" PREFIX=/opt/ct DESTDIR="$work/stage"
check destdir_is_not_remembered bash -c "[ -x '$work/stage/opt/ct/bin/crosstower' ] &&
    ! grep -q '$work' '$work/stage/opt/ct/lib/pkgconfig/crosstower.pc'"
