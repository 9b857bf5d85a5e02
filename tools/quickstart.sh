#!/bin/bash
# The whole road on the sample platforms: makes them, trains, evaluates, exports, recommends; then says whether the
# model reached three times popularity's NDCG@10 on each platform and 55% of the oracle's.
#   SEEDS="1 2 3" tools/quickstart.sh     several runs: mean and spread
# Exit status 1 when the model stays below that, or when a sentence does not find what it is about.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

CONFIG=examples/three-apps.yaml
LEAST=3  # times popularity's NDCG@10
SHARE=55 # % of the oracle's

seeds=$(seed_list)
need_programs crosstower tools/sample_platforms
mkdir -p "$BUILD"
results=$(mktemp "$BUILD/quickstart-XXXXXX")
trap 'rm -f "$results"' EXIT
start=$(date +%s)
failed=0

run "$BUILD/tools/sample_platforms" --out data/sample --if-stale

first=
for seed in $seeds; do
    name=three-apps
    [ -z "$first" ] || name=three-apps-seed$seed
    [ -n "$first" ] || first=$seed
    run "$CROSSTOWER" train "$CONFIG" --overwrite name="$name" seed="$seed"
    run "$CROSSTOWER" eval "$CONFIG" name="$name" seed="$seed"
    figures "runs/$name" "$seed" >>"$results"
done

run "$CROSSTOWER" export "$CONFIG" seed="$first"

# Recommends K of the shop's items for a text and counts, for each kind of item named, how many of them there are.
ask() { # k, text, then for each kind: its name, the pattern of its titles, how many are wanted
    local k=$1 text=$2 answer found
    shift 2
    answer=$(run "$CROSSTOWER" recommend "$CONFIG" seed="$first" --text "$text" --platform shop -k "$k" --quiet)
    echo "$answer"
    while [ $# -gt 0 ]; do
        found=$(echo "$answer" | grep -E '^ +[0-9]+  ' | grep -ciE "$2" || true)
        echo "  $found of $k are $1"
        [ "$found" -ge "$3" ] || { failed=1; echo "  TOO FEW: want at least $3"; }
        shift 3
    done
}

phones='手机|智能机|smartphone|(^|[^a-z])phone'
earphones='耳机|earphones|earbuds|headphones|headset'
watches='手表|腕表|watch'
ask 5 '这款智能手机拍照效果很棒！' phones "$phones" 3
ask 5 '这款无线耳机音质很不错！' earphones "$earphones" 3
ask 5 '这款智能手表功能很强大！' watches "$watches" 3
ask 10 '我喜欢智能手机和无线耳机' phones "$phones" 1 earphones "$earphones" 1 "one or the other" "$phones|$earphones" 6
run "$CROSSTOWER" recommend "$CONFIG" seed="$first" --user u10001 --user-platform shop -k 5 --quiet

printf '\nNDCG@10 on the test part:\n'
summary ndcg@10 <"$results"

# Every seed and platform by itself: the model against popularity, and its share of the oracle.
awk -v least=$LEAST -v least_share=$SHARE '
    $4 == "ndcg@10" { value[$1 " " $2, $3] = $5; if ($3 == "model") order[++n] = $1 " " $2 }
    END {
        for (i = 1; i <= n; i++) {
            run = order[i]
            split(run, part, " ")
            model = value[run, "model"]; floor = value[run, "popularity"]; oracle = value[run, "oracle"]
            times = floor > 0 ? model / floor : 0
            share = oracle > 0 ? 100 * model / oracle : 0
            ok = times >= least && share >= least_share
            printf("  seed %s, %-6s %5.1f x popularity (want %d), %4.1f%% of the oracle (want %d)%s\n", part[1], part[2],
                   times, least, share, least_share, ok ? "" : "   TOO LOW")
            if (!ok) bad = 1
        }
        exit (bad || n == 0)
    }' "$results" || failed=1

printf '\nquickstart: %s in %d s\n' "$([ $failed -eq 0 ] && echo passed || echo FAILED)" $(($(date +%s) - start))
exit $failed
