#!/bin/bash
# Time and peak memory of each stage at several sizes: the sample platforms are made with that many items (over three
# platforms) and ten times as many interactions, prepared, trained on for a bounded number of steps, evaluated with a
# bounded number of users, exported, asked for ten items; with and without pictures. A table on the terminal and in build/scale/table.md,
# the same figures in build/scale/scale.json.
#   SIZES="1e4 1e5 1e6"     items
#   PICTURES="1e4 1e5"      the sizes that are done with pictures too (files and cache are some KB an item)
#   STEPS=200               training steps; the checkpoint and a validation with 2,000 users a platform come on top
#   USERS=10000             users a platform who are evaluated
#   OVERRIDES="..."         more key=value for each command
# What a size wrote is removed before the next; build/scale keeps the figures.
set -eu
cd "$(dirname "$0")/.."
. tools/runs.sh

SIZES=${SIZES:-1e4 1e5 1e6}
PICTURES=${PICTURES-1e4 1e5}
STEPS=${STEPS:-200}
USERS=${USERS:-10000}
SIDE=32 # of a picture in pixels, in the files, the cache and the model
OUT=$BUILD/scale
DATA=$OUT/data

need_programs crosstower tools/sample_platforms tools/measure
read -r -a overrides <<<"${OVERRIDES:-}"

whole() { # 1e5: 100000
    local n
    n=$(printf '%.0f' "$1" 2>/dev/null) && [ "$n" -ge 100 ] && [ "$n" -le 30000000 ] ||
        { echo "size '$1': want a number of items from 100 to 3e7, such as 1e5" >&2; exit 2; }
    echo "$n"
}

# Bytes on disk that a size needs, generously: texts, cache, checkpoints and bundles by items and interactions; a
# picture's file takes a block, its pixels lie in the cache.
need_kib() { # items, side
    echo $(($1 * 12 + ($2 ? $1 * (8 + $2 * $2 * 3 / 1024) : 0)))
}

check_disk() { # items, side
    local need free
    need=$(need_kib "$1" "$2")
    free=$(df -Pk "$OUT" | awk 'NR == 2 { print $4 }')
    [ "$free" -gt "$need" ] ||
        { echo "$1 items need about $((need >> 20)) GiB in $OUT, $((free >> 20)) GiB are free" >&2; exit 1; }
}

write_config() { # side
    cat >"$OUT/scale.yaml" <<EOF
name: scale
run_dir: run
platforms:
  shop:
    items: {path: data/shop/items.csv, id: sku, title: name, text: description, category: cat, image: photo}
    users: {path: data/shop/users.jsonl, id: uid, text: bio, person: member_no}
    interactions:
      path: data/shop/events-*.tsv.gz
      user: uid
      item: sku
      time: ts
      weights: {view: 0.5, cart: 0.8, buy: 1.0}
  video:
    from: data/video
    users: {text: "{city} {interests}", person: member_no}
  news: {from: data/news}
links: {users: data/links.csv}
data: {max_user_tokens: 48, max_item_tokens: 40}
model:
  dim: 64
  user: {layers: 1, hidden: 64, heads: 2}
  item: {image: $([ "$1" -gt 0 ] && echo "small, image_size: $1" || echo none)}
  ids: {users: 64, items: 64, history: 20}
train: {batch: 256, steps: $STEPS}
eval: {every: 0, max_users: $USERS}
export: {formats: [npy, faiss, csv]}
EOF
}

# Runs a stage and adds "ITEMS SIDE STAGE SECONDS CPU PEAK_KIB OWN_KIB WROTE_KIB PAIRS_PER_S" to the figures.
stage() { # name, what it writes, command...
    local name=$1 target=$2 figures speed=0
    shift 2
    rm -f "$OUT/figures"
    "$BUILD/tools/measure" "$OUT/figures" "$@" >"$OUT/log" 2>&1 || {
        tail -n 30 "$OUT/log" >&2
        echo "scale: $name failed at $items items, pictures of $side: $*" >&2
        exit 1
    }
    figures=$(cat "$OUT/figures")
    [ "$name" != train ] ||
        speed=$(sed -n 's/.*"kind":"train".*"pairs_per_s":\([0-9.e+]*\).*/\1/p' "$OUT/run/metrics.jsonl" | tail -n 1)
    echo "$items $side $name $figures $(du -sk "$target" | cut -f 1) ${speed:-0}" >>"$OUT/all"
    tail -n 1 "$OUT/all" | awk '{
        printf "  %8d items, pictures %2d  %-9s %8.1f s %8.1f s cpu %7.0f MiB peak %7.0f MiB own %7.0f MiB on disk%s\n", $1, $2,
               $3, $4, $5, $6 / 1024, $7 / 1024, $8 / 1024, ($9 > 0 ? sprintf("  %.0f pairs/s", $9) : "") }'
}

clean() { rm -rf "$DATA" "$OUT/run" "$OUT/figures" "$OUT/log" "$OUT/scale.yaml"; }
trap clean EXIT

measure_size() { # items, side
    local items=$1 side=$2 each users verb target
    each=$(((items + 2) / 3))
    users=$((items * 10 / 37)) # a user makes 12.3 interactions on average
    clean
    check_disk "$items" "$side"
    write_config "$side"
    stage generate "$DATA" "$BUILD/tools/sample_platforms" --out "$DATA" --items "$each" --users "$users" \
        --pictures "$side"
    for verb in prepare train eval export; do
        case $verb in
        prepare) target=$OUT/run/cache ;;
        train) target=$OUT/run/checkpoints ;;
        eval) target=$OUT/run/reports ;;
        export) target=$OUT/run/export ;;
        esac
        stage "$verb" "$target" "$CROSSTOWER" "$verb" "$OUT/scale.yaml" --quiet "${overrides[@]}"
    done
    stage recommend /dev/null "$CROSSTOWER" recommend "$OUT/scale.yaml" --quiet --text "smartphone" --platform shop -k 10 \
        "${overrides[@]}"
}

sizes=()
for size in $SIZES; do sizes+=("$(whole "$size") 0"); done
for size in $PICTURES; do sizes+=("$(whole "$size") $SIDE"); done
[ "${#sizes[@]}" -gt 0 ] || { echo "SIZES and PICTURES are empty" >&2; exit 2; }

mkdir -p "$OUT"
rm -f "$OUT/all" "$OUT/table.md" "$OUT/scale.json"
for size in "${sizes[@]}"; do
    read -r n side <<<"$size"
    measure_size "$n" "$side"
done

awk 'BEGIN {
         print "| items | pictures | stage | seconds | cpu seconds | peak MiB | own MiB | on disk MiB | pairs/s |"
         print "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
     }
     { printf "| %d | %s | %s | %.1f | %.1f | %.0f | %.0f | %.0f | %s |\n", $1, ($2 ? $2 " px" : "none"), $3, $4, $5, $6 / 1024, $7 / 1024,
              $8 / 1024, ($9 > 0 ? sprintf("%.0f", $9) : "") }' "$OUT/all" >"$OUT/table.md"
awk -v steps="$STEPS" -v users="$USERS" -v cores="$(nproc)" '
    BEGIN { printf "{\"steps\": %d, \"users\": %d, \"cores\": %d, \"stages\": [", steps, users, cores }
    { printf "%s\n {\"items\": %d, \"picture_size\": %d, \"stage\": \"%s\", \"seconds\": %s, \"cpu_seconds\": %s, ", (NR > 1 ? "," : ""),
             $1, $2, $3, $4, $5
      printf "\"peak_kib\": %d, \"own_kib\": %d, \"written_kib\": %d, \"pairs_per_s\": %.1f}", $6, $7, $8, $9 }
    END { print "\n]}" }' "$OUT/all" >"$OUT/scale.json"
rm -f "$OUT/all"
printf '\n'
cat "$OUT/table.md"
printf '\nscale: the table is %s, the figures %s\n' "$OUT/table.md" "$OUT/scale.json"
