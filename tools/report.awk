# Reads reports/eval-STAGE.json as `crosstower eval` writes it (one key a line) and prints the figures over all users:
#   PLATFORM METHOD METRIC VALUE
# METHOD is model, popularity, item_knn or a name of eval.compare.

function text_of(line) { # "key": "text"
    sub(/^[^:]*: "/, "", line)
    sub(/",?$/, "", line)
    return line
}

/^ *"platform": / { platform = text_of($0) }
/^ *"slice": / { slice = text_of($0) }
/^ *"[^"]+": \{/ { method = $1; gsub(/[":]/, "", method) }
/^ *"(recall|ndcg|hr|mrr)[@0-9]*": [0-9]/ && slice == "all" && method != "intervals_95" {
    metric = $1
    value = $2
    gsub(/[":]/, "", metric)
    sub(/,$/, "", value)
    print platform, method, metric, value
}
