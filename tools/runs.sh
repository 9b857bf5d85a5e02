# What quickstart.sh, movielens.sh, emoji.sh, ablation.sh and scale.sh share; read by them, not run. All work in the
# project's root.
#   SEEDS   one number N: seeds 1 to N; or a list: "1 2 3"

BUILD=${BUILD:-build}
CROSSTOWER=$BUILD/crosstower
export LC_ALL=C.UTF-8

seed_list() {
    case ${SEEDS:-1} in
    *[!0-9\ ]*) echo "SEEDS='$SEEDS': want a number of seeds, or a list of them such as \"1 2 3\"" >&2; return 2 ;;
    *\ *) echo "$SEEDS" ;;
    *) seq 1 "${SEEDS:-1}" | tr '\n' ' ' ;;
    esac
}

need_programs() { # each a path under BUILD
    local program
    for program in "$@"; do
        [ -x "$BUILD/$program" ] || { echo "$BUILD/$program is not there; run make first" >&2; exit 1; }
    done
}

run() { # shows the command as a user would type it, then runs it
    local word shown=
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./=@:,-]*) word="\"$word\"" ;; esac
        shown="$shown $word"
    done
    printf '\n$%s\n' "$shown"
    "$@"
}

# The figures of a run, one a line: "SEED PLATFORM METHOD METRIC VALUE".
figures() { # run folder, seed
    awk -f tools/report.awk "$1/reports/eval-test.json" | sed "s/^/$2 /"
}

# Mean and spread (smallest to largest) over the seeds, from figures on stdin: a line for each metric, platform, method.
summary() { # metric...
    awk -v wanted=" $* " '
        index(wanted, " " $4 " ") {
            key = $4 " " $2 " " $3
            if (!(key in n)) { order[++keys] = key; low[key] = $5; high[key] = $5 }
            n[key]++
            sum[key] += $5
            if ($5 < low[key]) low[key] = $5
            if ($5 > high[key]) high[key] = $5
        }
        END {
            for (i = 1; i <= keys; i++) {
                split(order[i], part, " ")
                printf "  %-8s %-10s %-11s %.4f", part[1], part[2], part[3], sum[order[i]] / n[order[i]]
                if (n[order[i]] > 1) printf "   (%.4f to %.4f, %d seeds)", low[order[i]], high[order[i]], n[order[i]]
                print ""
            }
        }'
}
