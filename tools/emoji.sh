#!/bin/bash
# Finding pictures by English and Chinese words: makes two platforms of a folder of emoji, trains, and says how often a
# held-out query finds its held-out picture, among the held-out pictures and among all; beside chance, and beside an
# oracle that knows the right subgroup (animal-bird, face-smiling) of the query and goes on by chance.
#   EMOJI=FOLDER    items.tsv and the pictures it names; what is in it: tools/emoji_platforms --help
#   SEEDS=3         seeds 1 to 3; SEEDS="4 7" those two
#   OVERRIDES="..." more key=value for each command
# Exit status 1 when a language does not reach ten times chance, among all pictures at 10.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

CONFIG=examples/emoji.yaml
LEAST=10 # times chance
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

# "SEED PICTURES LANGUAGE WORDS METHOD METRIC VALUE" for each set of pictures and each kind of query.
measure() { # seed, run folder
    local seed=$1 folder=$2 language words pictures
    for pictures in held-out pictures; do
        for language in en zh; do
            for words in queries names; do
                "$BUILD/tools/recall" --queries "$folder/$language-$words/texts" --items "$folder/$pictures/images" \
                    --groups "$DATA/$language/items.csv" | sed "s/^/$seed $pictures $language $words /"
            done
        done
    done
}

# One line for each kind of query and each cut-off: mean and spread of the model over the seeds, chance, the oracle.
table() { # pictures, from figures on stdin
    awk -v wanted="$1" '
        $2 != wanted { next }
        $5 != "model" { other[$3 " " $4, $6, $5] = $7; next }
        {
            key = $3 " " $4
            if (!((key, $6) in n)) { order[++lines] = key; metric[lines] = $6; low[key, $6] = high[key, $6] = $7 }
            n[key, $6]++
            sum[key, $6] += $7
            if ($7 < low[key, $6]) low[key, $6] = $7
            if ($7 > high[key, $6]) high[key, $6] = $7
        }
        END {
            for (i = 1; i <= lines; i++) {
                key = order[i]
                m = metric[i]
                printf "  %-11s %-10s model %.4f", key, m, sum[key, m] / n[key, m]
                if (n[key, m] > 1) printf " (%.4f to %.4f, %d seeds)", low[key, m], high[key, m], n[key, m]
                printf "   chance %.4f   subgroup %.4f\n", other[key, m, "chance"], other[key, m, "group"]
            }
        }'
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

printf '\nheld-out queries, ranking the %d held-out pictures:\n' "$(wc -l <"$DATA/held-out.txt")"
table held-out <"$results"
printf '\nheld-out queries, ranking all %d pictures:\n' "$(wc -l <"$DATA/pictures.txt")"
table pictures <"$results"
printf '(queries: name and keywords; names: the name alone; subgroup: an oracle that knows it, then chance)\n'

awk -v least=$LEAST '
    $2 == "pictures" && $4 == "queries" && $6 == "recall@10" { value[$1 " " $3, $5] = $7; seen[$1 " " $3] = 1 }
    END {
        for (run in seen) {
            n++
            if (value[run, "model"] >= least * value[run, "chance"]) continue
            printf "  seed %s: recall@10 among all pictures is not %d times chance\n", run, least
            bad = 1
        }
        exit (bad || n == 0)
    }' "$results" || { echo "emoji: FAILED"; exit 1; }
echo "emoji: both languages find at least $LEAST times what chance would"
