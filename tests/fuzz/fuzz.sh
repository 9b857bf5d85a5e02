#!/bin/bash
# Fuzzes for longer than the tests do: all readers, or one.
#   BUILD       the sanitized build (build/sanitize)
#   FUZZ_SECONDS  for all readers together (600)    SEED  of the damage (drawn, and printed)    READER  only this one
# Inputs that were findings are kept in BUILD/fuzz; the output names them and how to read one again.
set -u
cd "$(dirname "$0")/../.." || exit 1
export BUILD=${BUILD:-build/sanitize} UBSAN_OPTIONS=print_stacktrace=1
seconds=${FUZZ_SECONDS:-600} reader=${READER:-}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}

programs=() readers=()
for source in tests/fuzz/test_fuzz_*.c; do
    program=$BUILD/${source%.c}
    while read -r name; do
        [ -z "$reader" ] || [ "$reader" = "$name" ] || continue
        programs+=("$program") readers+=("$name")
    done < <(grep -q fuzz_main "$source" && "$program" --list)
done
[ ${#readers[@]} -gt 0 ] || { echo "no reader '$reader'" >&2; exit 2; }

each=$(awk -v s="$seconds" -v n=${#readers[@]} 'BEGIN { print s / n }')
echo "seed $seed, $each s for each of ${#readers[@]} readers"
failed=0
for i in "${!readers[@]}"; do
    "${programs[i]}" --reader "${readers[i]}" --seed "$seed" --seconds "$each" 2>&1 | grep -av '^\[' || true
    [ "${PIPESTATUS[0]}" -eq 0 ] || failed=$((failed + 1))
done
echo "$failed of ${#readers[@]} readers with a finding"
[ $failed -eq 0 ]
