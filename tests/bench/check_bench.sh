#!/bin/bash
# The benchmark program: a case for every op, a run and its JSON, a served case, comparing, and wrong input. Nothing here
# looks at how fast anything is. Prints "ok NAME" or "not ok NAME".
set -u
cd "$(dirname "$0")/../.." || exit 1
bench=${BUILD:-build}/bench
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
[ -x "$bench" ] || { echo "not ok bench_is_built"; exit 1; }

verdict() { # name, whether
    if [ "$2" -eq 0 ]; then echo "ok $1"; else echo "not ok $1"; sed 's/^/# /' "$work/out" "$work/err"; fi
}
run() { # arguments; leaves out, err, code
    "$bench" "$@" >"$work/out" 2>"$work/err" </dev/null
    code=$?
}
# A run that ends with this code and says this on either stream.
expect() { # name, code, text, arguments...
    local name=$1 want=$2 text=$3
    shift 3
    run "$@"
    [ $code -eq "$want" ] && cat "$work/out" "$work/err" | grep -qF -- "$text"
    verdict "$name" $?
}

# ---- the list ----

ops=$(sed -n 's/^CT_OP(\([a-z0-9_]*\),.*/\1/p' kernels/ops.def)
ops_without_case() { # a list of cases on standard input
    local list op
    list=$(cat)
    for op in $ops; do grep -qE "^${op}_" <<<"$list" || echo "$op"; done
}
run --list
cp "$work/out" "$work/list"
[ $code -eq 0 ] && [ "$(wc -l <"$work/list")" -ge 50 ]
verdict list_is_not_empty $?
ops_without_case <"$work/list" >"$work/out"
[ -n "$ops" ] && [ ! -s "$work/out" ]
verdict every_op_has_a_case $?
[ "$(grep -v '^adamw_' "$work/list" | ops_without_case)" = adamw ]
verdict an_op_without_a_case_shows $?
awk '$1 !~ /^[A-Za-z0-9_]+$/ || seen[$1]++ { print; bad = 1 } END { exit bad }' "$work/list" >"$work/out"
verdict names_are_plain_and_unique $?
for name in infonce adamw topk_1 topk_256 jpeg_decode_resize id_table_step user_tower_step user_tower_inference \
    text_cnn_step resnet50_step resnet50_inference two_tower_step; do grep -q "^$name " "$work/list" || break; done
verdict cases_for_peers_are_there $?

# ---- every op runs: the first line of each in the shape files, with small sizes ----

mkdir "$work/small"
cat benchmarks/shapes/*.txt | awk '
    /^ *(#|$)/ || seen[$1]++ { next }
    {
        for (i = 3; i <= NF; i++) {
            split($i, size, "=")
            if (size[2] > 8) $i = size[1] "=8"
        }
        print
    }' >"$work/small/all.txt"
wanted=()
for op in $ops; do wanted+=("${op}_all_*"); done
run "${wanted[@]}" --shapes "$work/small" --repeats 1 --threads 2 --json "$work/small.json"
[ $code -eq 0 ] && [ "$(grep -c '"samples_ms"' "$work/small.json")" -ge "$(wc -w <<<"$ops")" ]
verdict every_op_runs $?

# ---- a run and its file ----

clamp='clamp_*'
expect a_run_prints_a_table 0 clamp_optimizer_scale "$clamp" --json "$work/run.json" --threads 1
grep -q '"median_ms"' "$work/run.json" && grep -q '"copy_bytes_per_s"' "$work/run.json" &&
    [ "$(grep -cE '^ {4}[0-9.e-]+,?$' "$work/run.json")" -eq 7 ]
verdict a_run_keeps_every_sample $?
expect a_run_is_like_itself 0 "no difference beyond noise" --compare "$work/run.json" "$work/run.json"
expect a_file_that_cannot_be_written 2 "$work/gone/x.json" "$clamp" --repeats 1 --json "$work/gone/x.json"

# ---- comparing ----

results() { # threads, factor: a file of one case with seven samples
    awk -v threads="$1" -v factor="$2" 'BEGIN {
        printf "{\"format\": 1, \"machine\": {\"threads\": %d, \"peak_flops\": 1e11, \"copy_bytes_per_s\": 1e10},\n", threads
        printf "\"cases\": [{\"name\": \"a_case\", \"samples_ms\": ["
        n = split("10.0 10.4 10.1 9.9 10.2 10.3 12.0", ms, " ")
        for (i = 1; i <= n; i++) printf "%s%.4f", (i == 1 ? "" : ", "), ms[i] * factor
        print "]}]}"
    }'
}
results 2 1 >"$work/old.json"
results 2 1.5 >"$work/slow.json"
results 2 1.02 >"$work/noise.json"
results 4 1 >"$work/threads.json"
expect slower_is_said 1 "interval" --compare "$work/old.json" "$work/slow.json"
grep -q '^a_case .* slower$' "$work/out"
verdict slower_is_in_its_line $?
expect faster_is_no_failure 0 "faster" --compare "$work/slow.json" "$work/old.json"
expect noise_is_no_difference 0 "no difference beyond noise" --compare "$work/old.json" "$work/noise.json"
expect other_threads_are_warned_of 0 "warning: threads differ: 2, then 4" --compare "$work/old.json" "$work/threads.json"
sed 's/"peak_flops": 1e11/"peak_flops": 2e11/' "$work/old.json" >"$work/peak.json"
expect other_peaks_are_warned_of 0 "warning: the machine's peak_flops" --compare "$work/old.json" "$work/peak.json"
sed 's/\[10[^]]*\]/[10.0, 10.1]/' "$work/old.json" >"$work/few.json"
expect few_samples_tell_nothing 0 "too few samples" --compare "$work/few.json" "$work/slow.json"
sed 's/a_case/b_case/' "$work/old.json" >"$work/other.json"
expect a_missing_case_is_said 0 "only in the old file" --compare "$work/old.json" "$work/other.json"
sed 's/\[10[^]]*\]/[10.0, "x", -1]/' "$work/old.json" >"$work/odd.json"
expect odd_samples_are_said 0 "no times in one of the files" --compare "$work/odd.json" "$work/old.json"

# ---- a served case ----

printf '\n\n\n' | "$bench" --serve clamp_optimizer_scale --threads 1 >"$work/out" 2>"$work/err"
[ $? -eq 0 ] && [ "$(sed -n '1p' "$work/out")" = '{"ready": "clamp_optimizer_scale"}' ] &&
    [ "$(grep -cE '^\{"ms": [0-9.]+\}$' "$work/out")" -eq 3 ] && [ "$(wc -l <"$work/out")" -eq 5 ] &&
    sed -n '$p' "$work/out" | grep -qE '^\{"peak_rss_bytes": [1-9][0-9]+, "rss_before_bytes": [1-9][0-9]+\}$'
verdict serve_answers_line_by_line $?
printf '\n' | "$bench" --serve text_cnn_step --threads 1 >"$work/out" 2>"$work/err"
[ $? -eq 0 ] && [ "$(grep -c '"ms"' "$work/out")" -eq 1 ]
verdict a_step_is_served $?
mkdir "$work/short"
echo 7 >"$work/short/texts.lengths"
expect too_few_lengths 1 "1 lengths, want at least 1024" --serve text_cnn_step --shapes "$work/short" --threads 1
echo 129 >"$work/short/texts.lengths"
expect a_length_too_long 1 "texts.lengths:1: '129', want a length from 1 to 128" --serve text_cnn_step \
    --shapes "$work/short" --threads 1
expect serve_without_lines 0 peak_rss_bytes --serve clamp_optimizer_scale --threads 1
mkdir "$work/pictures"
CT_BENCH_PICTURES=$work/pictures expect pictures_of_an_empty_folder 1 "has no *.jpg" --serve jpeg_decode_resize --threads 1
printf 'no picture' >"$work/pictures/a.jpg"
printf '\n' | CT_BENCH_PICTURES=$work/pictures "$bench" --serve jpeg_decode_resize --threads 2 >"$work/out" 2>"$work/err"
[ $? -eq 1 ] && grep -q '^bench: jpeg_decode_resize: picture: ' "$work/err"
verdict a_broken_picture_is_said $?

# ---- wrong input ----

expect unknown_case 2 "no case 'gone_*'" 'gone_*'
expect unknown_served_case 2 "no case 'gone'" --serve gone
expect unknown_option 2 "--help" --gone
expect repeats_that_are_none 2 "--repeats is '0'" --repeats 0
expect threads_that_are_none 2 "--threads is 'x'" --threads x
expect two_modes 2 "only one of" --list --serve adamw
expect json_of_a_list 2 "--json" --list --json "$work/x.json"
expect compare_of_one 2 "two files" --compare "$work/old.json"
expect compare_of_none 2 "$work/gone.json" --compare "$work/gone.json" "$work/old.json"
printf '{"format": 1, "cases": [' >"$work/cut.json"
expect compare_of_a_cut_file 2 "cut.json' line" --compare "$work/cut.json" "$work/old.json"
echo '{"format": 2, "cases": []}' >"$work/format.json"
expect compare_of_another_format 2 "no result of bench --json" --compare "$work/old.json" "$work/format.json"
expect a_folder_without_shapes 2 "--shapes FOLDER" --list --shapes "$work/gone"

bad_file() { # name, text, lines: refused before anything runs
    mkdir "$work/shapes"
    printf '# a comment\n%s\n' "$3" >"$work/shapes/bad.txt"
    expect "$1" 2 "$2" --list --shapes "$work/shapes"
    rm -r "$work/shapes"
}
bad_file unknown_op "bad.txt:2: 'gone' is no op" "gone a T=1"
bad_file an_op_alone "bad.txt:2: 'clamp' alone" "clamp"
bad_file a_word_that_is_no_size "bad.txt:2: 'n', want KEY=NUMBER" "clamp a n"
bad_file a_size_that_is_no_number "bad.txt:2: 'n=x': 'x' is no number" "clamp a n=x"
bad_file two_cases_of_one_name "bad.txt:3: there is a case" $'clamp a n=1\nclamp a n=2'

bad_sizes() { # name, text, op, sizes: refused when the case is opened
    mkdir "$work/shapes"
    echo "$3 a $4" >"$work/shapes/bad.txt"
    expect "$1" 1 "$2" --serve "$3_bad_a" --shapes "$work/shapes"
    rm -r "$work/shapes"
}
bad_sizes a_size_that_is_missing "bad.txt:1: no n=NUMBER" clamp ""
bad_sizes a_size_of_zero "n is 0" clamp "n=0"
bad_sizes a_size_with_a_fraction "n is 1.5" clamp "n=1.5"
bad_sizes a_size_that_is_nobodys "nothing here has a size 'Q'" clamp "n=1 Q=2"
bad_sizes sizes_beyond_memory "memory" linear_forward "T=1000000 I=2147483647 O=1"
bad_sizes lengths_the_wrong_way_round "shortest is above longest" seq_pool_forward "N=2 shortest=3 longest=2 C=4"
mkdir "$work/shapes"
echo "max_pool2d_backward a N=1 C=4 S=8 kernel=17 stride=1" >"$work/shapes/bad.txt"
expect a_failing_case_ends_in_1 1 "failed: $work/shapes/bad.txt:1: max_pool2d_forward: " '*bad*' --repeats 1 \
    --shapes "$work/shapes" --json "$work/failed.json"
grep -q '"error": ".*max_pool2d_forward' "$work/failed.json"
verdict a_failing_case_is_in_the_file $?
