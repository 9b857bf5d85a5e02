#!/bin/bash
# Every relative link of every Markdown file leads somewhere, its heading too, and every path named in backticks is there.
# Prints one line a file: "ok NAME" or "not ok NAME" with the broken places.
#   tests/docs/check_links.sh [FOLDER]    another tree than this project's
#
# A span in backticks is taken for a path when it begins with a folder of the root (src/, tests/ ...) or ends like a
# source file (`data/table.h` is looked for in src/ and include/ too). <name> and * stand for anything that is there.
# Fenced code, and what a build or a run makes, is not looked at.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
root=$(realpath "${1:-$here}") || exit 1
made=(build runs data .venv .git) # by users and builds: nothing of it is the project's

# "link LINE TARGET" and "path LINE TEXT" of a Markdown file.
spans() {
    awk '
        /^[ \t]*(```|~~~)/ { fenced = !fenced; next }
        fenced { next }
        {
            line = $0
            while (match(line, /`[^`]+`/)) {
                print "path", NR, substr(line, RSTART + 1, RLENGTH - 2)
                line = substr(line, 1, RSTART - 1) "_" substr(line, RSTART + RLENGTH)
            }
            while (match(line, /\]\([^()]*\)/)) {
                print "link", NR, substr(line, RSTART + 2, RLENGTH - 3)
                line = substr(line, RSTART + RLENGTH)
            }
        }' "$1"
}

# The names under which a page's headings can be linked to.
anchors() {
    awk '
        /^[ \t]*(```|~~~)/ { fenced = !fenced; next }
        fenced || !/^#+ / { next }
        {
            sub(/^#+ +/, "")
            text = tolower($0)
            gsub(/[!-,.\/:-@\[-^`{-~]/, "", text)
            gsub(/ /, "-", text)
            print seen[text]++ ? text "-" seen[text] - 1 : text
        }' "$1"
}

check_link() { # folder of the file, the file, target
    local target=${3%% *} path fragment
    case $target in
    [a-z]*:*) return 0 ;; # the web
    /*) echo "an absolute link"; return 1 ;;
    esac
    path=${target%%#*}
    fragment=${target#"$path"}
    fragment=${fragment#\#}
    path=${path:+$1/$path}
    path=${path:-$2}
    [ -e "$path" ] || { echo "leads nowhere"; return 1; }
    [ -z "$fragment" ] || anchors "$path" | grep -qxF -- "$fragment" || { echo "no such heading"; return 1; }
}

is_made() {
    local name
    for name in "${made[@]}"; do [ "$1" = "$name" ] && return 0; done
    return 1
}

check_path() { # folder of the file, text
    local text=${2%:[0-9]*} first base pattern
    [[ $text =~ ^[A-Za-z0-9_.\<\>*/-]+$ ]] || return 0
    first=${text%%/*}
    is_made "$first" && return 0
    case $text in
    */*) [ -d "$root/$first" ] || [[ $text =~ \.(c|h|def|sh|py|md|yaml)$ ]] || return 0 ;;
    *.md) ;;
    *) return 0 ;;
    esac
    pattern=$(sed 's/<[^>]*>/*/g' <<<"$text")
    for base in "$root" "$1" "$root/src" "$root/include"; do
        compgen -G "$base/$pattern" >/dev/null && return 0
    done
    echo "is not there"
    return 1
}

check_file() { # path, from the root
    local file=$root/$1 folder kind line text why broken=
    folder=$(dirname "$file")
    while read -r kind line text; do
        if [ "$kind" = link ]; then
            why=$(check_link "$folder" "$file" "$text")
        else
            why=$(check_path "$folder" "$text")
        fi
        [ -z "$why" ] || broken+="# $1:$line: '$text' $why"$'\n'
    done < <(spans "$file")
    if [ -z "$broken" ]; then echo "ok links of $1"; else printf 'not ok links of %s\n%s' "$1" "$broken"; fi
}

prune=()
for name in "${made[@]}"; do prune+=(-path "./$name" -o); done
while read -r file; do check_file "${file#./}"; done < <(
    cd "$root" && find . \( "${prune[@]}" -false \) -prune -o -name '*.md' -print | sort)

# Can it fail? Each of these lines has one mistake.
if [ $# -eq 0 ]; then
    tree=$(mktemp -d) || exit 1
    trap 'rm -rf "$tree"' EXIT
    mkdir -p "$tree/src/base"
    touch "$tree/src/base/error.h"
    printf '# One\n\n## The two: `a`\n[a](#the-two-a) [b](good.md#one) `src/base/error.h` `base/<x>.h` `runs/x`\n' >"$tree/good.md"
    printf '[a](gone.md)\n[b](good.md#gone)\n`src/base/gone.h`\n`bas/error.h`\n[c](/etc/passwd)\n`GONE.md`\n' >"$tree/bad.md"
    said=$("$0" "$tree")
    if grep -qx 'ok links of good.md' <<<"$said" && [ "$(grep -c '^# bad.md:[1-6]: ' <<<"$said")" = 6 ]; then
        echo "ok links_check_can_fail"
    else
        echo "not ok links_check_can_fail"
        sed 's/^/# /' <<<"$said"
    fi
fi
