#!/bin/bash
# Finding pictures by English and Chinese words: makes two platforms of a folder of emoji, trains, and says how often a
# held-out query finds its held-out picture, among the held-out pictures and among all; beside chance, and beside an
# order by chance that knows the right subgroup (animal-bird, face-smiling).
#   EMOJI=FOLDER    items.tsv and the pictures it names; what is in it: tools/emoji_platforms --help
#   SEEDS=3         seeds 1 to 3; SEEDS="4 7" those two
#   OVERRIDES="..." more key=value for each command
# Exit status 1 when a language does not find more than the subgroup alone would, among all pictures at 10.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

CONFIG=examples/emoji.yaml
DATA=data/emoji
FOLDER=${EMOJI:-../shared/data/emoji}

seeds=$(seed_list)
need_programs crosstower tools/emoji_platforms tools/recall
read -r -a overrides <<<"${OVERRIDES:-}"
if [ ! -s "$FOLDER/items.tsv" ]; then
    echo "emoji: $FOLDER/items.tsv is not there; name a folder that has it: EMOJI=FOLDER" >&2
    echo "       (what it must hold: $BUILD/tools/emoji_platforms --help)" >&2
    exit 1
fi

run "$BUILD/tools/emoji_platforms" --in "$FOLDER" --out "$DATA"

mkdir -p "$BUILD"
results=$(mktemp "$BUILD/emoji-XXXXXX")
trap 'rm -f "$results"' EXIT

# "SEED LANGUAGE/WORDS METHOD METRIC/PICTURES VALUE" for each kind of query and each set of pictures.
measure() { # seed, run folder
    local seed=$1 folder=$2 language words pictures
    for language in en zh; do
        for words in queries names; do
            for pictures in held-out pictures; do
                "$BUILD/tools/recall" --queries "$folder/$language-$words/texts" --items "$folder/$pictures/images" \
                    --groups "$DATA/$language/items.csv" |
                    while read -r method metric value; do
                        echo "$seed $language-$words $method $metric/$pictures $value"
                    done
            done
        done
    done
}

first=
for seed in $seeds; do
    name=emoji
    [ -z "$first" ] || name=emoji-seed$seed
    [ -n "$first" ] || first=$seed
    settings=(name="$name" seed="$seed" "${overrides[@]}")
    start=$(date +%s)
    run "$CROSSTOWER" train "$CONFIG" --overwrite "${settings[@]}"
    run "$CROSSTOWER" eval "$CONFIG" "${settings[@]}"
    for pictures in held-out pictures; do
        run "$CROSSTOWER" embed "$CONFIG" --images "$DATA/$pictures.txt" --out "runs/$name/$pictures" --quiet \
            "${settings[@]}"
    done
    for language in en zh; do
        for words in queries names; do
            run "$CROSSTOWER" embed "$CONFIG" --texts "$DATA/$language/$words.csv" --platform $language \
                --out "runs/$name/$language-$words" --quiet "${settings[@]}"
        done
    done
    measure "$seed" "runs/$name" >>"$results"
    echo "seed $seed: $(($(date +%s) - start)) s"
done

for text in 'a cat with a smiling face' '红色的水果'; do
    language=en
    [[ $text == *[a-z]* ]] || language=zh
    run "$CROSSTOWER" recommend "$CONFIG" --text "$text" --platform $language -k 5 --quiet seed="$first" \
        "${overrides[@]}"
done

for pictures in held-out pictures; do
    case $pictures in
    held-out) printf '\nheld-out queries, ranking the %d held-out pictures:\n' "$(wc -l <"$DATA/held-out.txt")" ;;
    pictures) printf '\nheld-out queries, ranking all %d pictures:\n' "$(wc -l <"$DATA/pictures.txt")" ;;
    esac
    grep "/$pictures " "$results" | sed "s|/$pictures||" | summary recall@1 recall@5 recall@10
done
printf '(queries: name and keywords, names: the name alone; group: by chance, the right subgroup first)\n'

awk '
    $4 == "recall@10/pictures" && $2 ~ /-queries$/ {
        value[$1 " " $2, $3] = $5
        if ($3 == "model") order[++n] = $1 " " $2
    }
    END {
        for (i = 1; i <= n; i++) {
            if (value[order[i], "model"] > value[order[i], "group"]) continue
            printf "  seed %s: not above what the subgroup alone gives\n", order[i]
            bad = 1
        }
        exit (bad || n == 0)
    }' "$results" || { echo "emoji: FAILED"; exit 1; }
echo "emoji: both languages find more than their subgroup would"
