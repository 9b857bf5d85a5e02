#!/bin/bash
# What each part of the model brings, on the sample platforms: trains examples/three-apps.yaml with one part alone, with
# all parts, and with one part left out, some seeds each; prints NDCG@10 on the test part by platform with mean and
# spread, its share of the oracle, and, seed by seed, what is lost without a part. The table also goes to
# build/ablation/table.md, the figures to build/ablation/figures.txt (VARIANT SEED PLATFORM METHOD METRIC VALUE).
#   SEEDS=3                 seeds 1 to 3; SEEDS="4 7" those two; 1 without it (make ablation: 3)
#   VARIANTS="all no-ids"   which; all seven without it
#   STEPS=20                bounds the training, to try the script
#   OVERRIDES="..."         more key=value for each command
#
# A part has an item's side and a user's side, which are left out together, so that nothing else tells of it:
#             items                     users
#   text      title, category, text     the words of profile, titles and reviews
#   image     the picture               -
#   ids       a vector an item          the mean of the latest items' vectors by id
# All variants average what the item tower made of a user's latest items (model.history), so that whatever tells of items
# tells of users: with "image" alone, a user is the pictures of what the user chose.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

CONFIG=examples/three-apps.yaml
OUT=$BUILD/ablation
RUNS=runs/ablation
SIDE=24 # of a picture in pixels
METRIC=ndcg@10

seeds=$(seed_list)
variants=${VARIANTS:-text image ids all no-text no-image no-ids}
need_programs crosstower tools/sample_platforms
read -r -a overrides <<<"${OVERRIDES:-}"
[ -z "${STEPS:-}" ] || overrides+=("train.steps=$STEPS")

parts() { # variant: which of text, image, ids it has
    case $1 in
    text | image | ids) echo "$1" ;;
    all) echo text image ids ;;
    no-text) echo image ids ;;
    no-image) echo text ids ;;
    no-ids) echo text image ;;
    *) echo "variant '$1': want text, image, ids, all, no-text, no-image or no-ids" >&2; return 1 ;;
    esac
}

# Every key that a part decides is set, whatever the configuration says. Pictures lie in the cache for all variants,
# so that they share one.
keys_of() { # parts
    local user=none text=none image=none ids="users: 0, items: 0, history: 0"
    case " $* " in *" text "*) user=transformer text=cnn ;; esac
    case " $* " in *" image "*) image=small ;; esac
    case " $* " in *" ids "*) ids="users: 0, items: 64, history: 20" ;; esac
    keys=("model.user.encoder=$user" "model.item.text=$text" "model.item.image=$image" "model.ids={$ids}"
        "model.history=20" "data.picture_size=$SIDE" "data.cache=$RUNS/cache")
    [ $image = none ] || keys+=("model.item.image_size=$SIDE")
}

for variant in $variants; do parts "$variant" >/dev/null; done
mkdir -p "$OUT"
: >"$OUT/figures.txt"
start=$(date +%s)
run "$BUILD/tools/sample_platforms" --out data/sample --if-stale

for seed in $seeds; do
    for variant in $variants; do
        keys_of $(parts "$variant")
        keys+=("name=ablation-$variant" "run_dir=$RUNS/$variant-$seed" "seed=$seed" "${overrides[@]}")
        run "$CROSSTOWER" train "$CONFIG" --overwrite "${keys[@]}"
        run "$CROSSTOWER" eval "$CONFIG" "${keys[@]}" >/dev/null
        figures "$RUNS/$variant-$seed" "$seed" | sed "s/^/$variant /" >>"$OUT/figures.txt"
    done
done

awk -v metric="$METRIC" -v wanted="$variants" '
    function spread(key) { # "0.1234 (0.1200 to 0.1260)"
        if (n[key] < 2) return sprintf("%.4f", sum[key] / n[key])
        return sprintf("%.4f (%.4f to %.4f)", sum[key] / n[key], low[key], high[key])
    }
    function add(key, x) {
        if (!(key in n) || x < low[key]) low[key] = x
        if (!(key in n) || x > high[key]) high[key] = x
        n[key]++
        sum[key] += x
    }
    $5 == metric && ($4 == "model" || $4 == "oracle") {
        if (!($3 in seen)) { seen[$3] = 1; platform[++n_platforms] = $3 }
        if (!($2 in met)) { met[$2] = 1; seed[++n_seeds] = $2 }
        value[$4, $1, $2, $3] = $6
    }
    END {
        n_variants = split(wanted, variant, " ")
        head = "| " metric " |"
        rule = "| --- |"
        for (p = 1; p <= n_platforms; p++) { head = head " " platform[p] " | of the oracle |"; rule = rule " --- | --- |" }
        print head
        print rule
        for (v = 1; v <= n_variants; v++) {
            line = "| " variant[v] " |"
            for (p = 1; p <= n_platforms; p++) {
                key = variant[v] " " platform[p]
                oracle = 0
                for (s = 1; s <= n_seeds; s++) {
                    add(key, value["model", variant[v], seed[s], platform[p]])
                    oracle += value["oracle", variant[v], seed[s], platform[p]]
                }
                line = line sprintf(" %s | %.1f%% |", spread(key), oracle > 0 ? 100 * sum[key] / oracle : 0)
            }
            print line
        }
        if (!index(" " wanted " ", " all ")) exit
        for (v = 1; v <= n_variants; v++) {
            if (variant[v] !~ /^no-/) continue
            line = "| lost " variant[v] " |"
            sub(/no-/, "without ", line)
            for (p = 1; p <= n_platforms; p++) {
                key = "lost " variant[v] " " platform[p]
                for (s = 1; s <= n_seeds; s++)
                    add(key, value["model", "all", seed[s], platform[p]] - value["model", variant[v], seed[s], platform[p]])
                line = line " " spread(key) " | |"
            }
            print line
        }
    }' "$OUT/figures.txt" >"$OUT/table.md"
printf '\n'
cat "$OUT/table.md"
printf '\nablation: %d seeds, %d s; the table is %s\n' "$(echo "$seeds" | wc -w)" $(($(date +%s) - start)) "$OUT/table.md"
