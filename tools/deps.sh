#!/bin/bash
# Finds what Crosstower needs to be built and tested.
#   tools/deps.sh check    one line for each dependency
#   tools/deps.sh has-sanitizers  whether the compiler can build with them
#   tools/deps.sh install  installs what is missing (Debian, Ubuntu); without the right to, prints how and fails
set -u
CC=${CC:-gcc}
mode=${1:-check}
case $mode in
check | install | has-sanitizers) ;;
*) echo "usage: tools/deps.sh [check | install | has-sanitizers]" >&2; exit 2 ;;
esac
missing=() # nothing can be built or tested without these
wanted=()  # some tests are skipped without these

has_header() { # header, link flag
    printf '#include <stddef.h>\n#include <stdio.h>\n#include <%s>\nint main(void) { return 0; }\n' "$1" |
        $CC -x c - -o /dev/null "$2"
}

has_cmocka() {
    printf '#include <%s>\n' stdarg.h stddef.h stdint.h setjmp.h cmocka.h |
        { cat; echo 'int main(void) { return 0; }'; } | $CC -x c - -o /dev/null -lcmocka
}

has_sanitizers() {
    echo 'int main(void) { return 0; }' | $CC -x c - -o /dev/null -fsanitize=address,undefined
}

# need PACKAGE KIND PURPOSE TEST...: the package is here when TEST succeeds.
need() {
    local package=$1 kind=$2 purpose=$3 state=found
    shift 3
    if ! "$@" >/dev/null 2>&1; then
        state=missing
        case $kind in
        needed) missing+=("$package") ;;
        wanted) wanted+=("$package") ;;
        esac
    fi
    [ "$mode" != check ] || printf '%-8s %-16s %-9s %s\n' "$state" "$package" "$kind" "$purpose"
}

look() {
    missing=() wanted=()
    need gcc needed "the compiler (CC=$CC)" command -v "${CC%% *}"
    need libc6-dev needed "the C library's headers" has_header stdlib.h -lm
    need make needed "the build" command -v make
    need libdnnl-dev needed "oneDNN: matrix products on the CPU" has_header dnnl.h -ldnnl
    need libyaml-dev needed "the configuration" has_header yaml.h -lyaml
    need zlib1g-dev needed "compressed tables" has_header zlib.h -lz
    need libjansson-dev needed "JSON: tables, headers, reports" has_header jansson.h -ljansson
    need libutf8proc-dev needed "Unicode: normal forms, width of text" has_header utf8proc.h -lutf8proc
    need libxxhash-dev needed "checksums" has_header xxhash.h -lxxhash
    need libjpeg-dev needed "JPEG pictures (libjpeg-turbo)" has_header jpeglib.h -ljpeg
    need libpng-dev needed "PNG pictures" has_header png.h -lpng
    need libwebp-dev needed "WebP pictures" has_header webp/decode.h -lwebp
    need libcmocka-dev needed "the tests" has_cmocka
    need pkg-config wanted "the test of the installed library" command -v pkg-config
    need python3-venv wanted "tests that read our files with other programs" python3 -c 'import ensurepip, venv'
    need gcc optional "the tests' second run, make fuzz: the sanitizers, which come with gcc" has_sanitizers
    need clang optional "make lint" command -v clang
}

if [ "$mode" = has-sanitizers ]; then
    has_sanitizers 2>/dev/null
    exit
fi
look
if [ "$mode" = check ]; then
    [ ${#missing[@]} -eq 0 ] && exit 0
    echo "\`make deps\` installs: ${missing[*]}"
    exit 1
fi
[ $((${#missing[@]} + ${#wanted[@]})) -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        as_root=(false)
    fi
fi
if ! command -v apt-get >/dev/null || [ "${as_root[*]}" = false ]; then
    [ ${#missing[@]} -eq 0 ] && { echo "some tests will be skipped without: ${wanted[*]}"; exit 0; }
    echo "missing: ${missing[*]}. On Debian or Ubuntu run this, then make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]} ${wanted[*]}" >&2
    exit 1
fi

echo "installing ${missing[*]} ${wanted[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get)
"${apt[@]}" update || echo "apt-get update failed; trying with the lists that are here" >&2
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" "${wanted[@]}" ||
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" || exit 1
look
[ ${#missing[@]} -eq 0 ] || { echo "installed, but still not found by $CC: ${missing[*]}" >&2; exit 1; }
