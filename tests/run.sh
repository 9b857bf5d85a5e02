#!/bin/bash
# Runs the tests that were built and prints one line for each program and for each stage; the last line reads
# "N passed, N failed, N skipped". Fails when a test failed or when none ran.
#   tests/run.sh [ROOM...]     only the tests of these folders of tests/
# A program says what happened as TAP, which cmocka writes. A script says it in lines "ok NAME", "not ok NAME" and
# "skip NAME reason". A program that crashes, hangs, says nothing or less than it announced has failed.
# Environment: BUILD (build), TEST_LIMIT_S (1200, for each program), STAGES ("programs shell python sanitized"),
# SANITIZED (a second build, whose programs run as the stage "sanitized" under the names sanitized/ROOM/...).
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=$(realpath -m "${BUILD:-build}")
SANITIZED=${SANITIZED:+$(realpath -m "$SANITIZED")}
LIMIT_S=${TEST_LIMIT_S:-1200}
STAGES=${STAGES:-programs shell python sanitized}
LOGS=$BUILD/tests/log
rm -rf "$LOGS"
mkdir -p "$LOGS" || exit 1
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/crosstower-test-XXXXXX") || exit 1
trap 'rm -rf "$TMPDIR"' EXIT
export BUILD TMPDIR CROSSTOWER=$BUILD/crosstower CMOCKA_MESSAGE_OUTPUT=TAP LC_ALL=C.UTF-8

unset MAKEFLAGS MAKELEVEL MFLAGS # a script that runs make starts afresh

passed=0 failed=0 skipped=0
rooms=("$@")

# Counts the results in a log: "passed failed skipped". cmocka's lines may stand behind an unfinished line of the test.
count_results() { # log, exit status
    awk -v status="$2" '
        /ok [0-9]+ .*# SKIP/                    { skipped++; next }
        /^not ok |not ok [0-9]+ - /            { failed++; next }
        /^ok |ok [0-9]+ - / && !/^# /          { passed++; next }
        /^skip /                               { skipped++; next }
        /^1\.\.[0-9]+$/                        { planned += substr($0, 4) }
        END {
            missing = planned - passed - failed - skipped
            if (missing > 0) failed += missing
            if (failed == 0 && (status != 0 || passed + skipped == 0)) failed = 1
            print passed + 0, failed + 0, skipped + 0
        }' "$1"
}

now_ms() { date +%s%3N; }
seconds() { awk -v ms="$1" 'BEGIN { printf "%.1f s", ms / 1000 }'; }

run_one() { # name, command...
    local name=$1 log start status p f s note=
    shift
    log=$LOGS/${name//\//_}.log
    start=$(now_ms)
    { timeout -k 10 "$LIMIT_S" "$@" >"$log" 2>&1 </dev/null; } 2>/dev/null # bash, too, has a word on each crash
    status=$?
    [ $status -eq 124 ] || [ $status -eq 137 ] && note=", stopped after $LIMIT_S s"
    [ $status -gt 128 ] && note=", killed by signal $((status - 128))$note"
    read -r p f s < <(count_results "$log" $status)
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '  %-42s %4d passed %3d failed %3d skipped  %s%s\n' "$name" "$p" "$f" "$s" \
        "$(seconds $(($(now_ms) - start)))" "$note"
    grep -aE '^skip |ok [0-9]+ .*# SKIP' "$log" | head -n 20 | sed 's/^/      /'
    [ "$f" -eq 0 ] || { echo "    ---- end of $log"; tail -n 60 "$log" | sed 's/^/    /'; echo "    ----"; }
}

wanted() { # path: is its room one of those asked for?
    local room=${1#tests/} r
    [ ${#rooms[@]} -eq 0 ] && return 0
    for r in "${rooms[@]}"; do [ "${room%%/*}" = "$r" ] && return 0; done
    return 1
}

stage() { # title, function
    local start
    start=$(now_ms)
    echo "$1"
    "$2"
    echo "  -- $1: $(seconds $(($(now_ms) - start)))"
}

# The list comes from the sources, so that a program that was not built shows.
run_programs() {
    local source name
    for source in tests/*/test_*.c; do
        [ -e "$source" ] && wanted "$source" || continue
        name=${source%.c}
        run_one "$name" "$BUILD/$name"
    done
}

# The leak detector traces the process, which not every container allows.
leaks_can_be_found() {
    ! ASAN_OPTIONS=detect_leaks=1 "$SANITIZED/crosstower" --version 2>&1 | grep -q 'LeakSanitizer has encountered'
}

run_sanitized() {
    local source name leaks=1
    if [ ! -x "$SANITIZED/crosstower" ]; then
        skipped=$((skipped + 1))
        echo "  skip sanitized: $SANITIZED holds no programs"
        return
    fi
    if ! leaks_can_be_found; then
        leaks=0 skipped=$((skipped + 1))
        echo "  skip leaks: the leak detector does not run here"
    fi
    for source in tests/*/test_*.c; do
        [ -e "$source" ] && wanted "$source" || continue
        name=${source%.c}
        run_one "sanitized/${name#tests/}" env BUILD="$SANITIZED" CROSSTOWER="$SANITIZED/crosstower" \
            ASAN_OPTIONS="detect_leaks=$leaks" UBSAN_OPTIONS=print_stacktrace=1 CROSSTOWER_TEST_BRIEF=1 "$SANITIZED/$name"
    done
}

run_shell_checks() {
    local script
    for script in tests/*/check_*.sh; do
        [ -e "$script" ] && wanted "$script" && run_one "$script" bash "$script"
    done
}

run_python_checks() {
    local script python=
    for script in tests/*/check_*.py; do
        [ -e "$script" ] && wanted "$script" || continue
        [ -n "$python" ] || python=$(tests/venv.sh) || python=none
        if [ "$python" = none ]; then
            skipped=$((skipped + 1))
            echo "  skip $script: no Python environment"
        else
            run_one "$script" "$python" "$script"
        fi
    done
}

has_stage() { [[ " $STAGES " == *" $1 "* ]]; }

! has_stage programs || stage "test programs" run_programs
! has_stage shell || stage "shell checks" run_shell_checks
! has_stage python || stage "Python checks" run_python_checks
[ -z "$SANITIZED" ] || ! has_stage sanitized || stage "test programs under sanitizers" run_sanitized

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
