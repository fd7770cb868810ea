#!/usr/bin/env bash
# Train on the weeks before each window and play the weeks of it: one table and one JSON file a window.
#   scripts/weekly.sh windows OUT --reg pil          (more words go to train, such as features.long=26)
# SEEDS="0 1 2 3 4" by default; PYTHON names the interpreter.
set -euo pipefail
windows=$1 out=$2
shift 2
python=${PYTHON:-$(dirname "${BASH_SOURCE[0]}")/../.venv/bin/python}

for folder in "$windows"/*/; do
    runs=$out/$(basename "$folder")
    for seed in ${SEEDS:-0 1 2 3 4}; do
        "$python" -m invrl train --config weekly --algo ds --seed "$seed" --out "$runs" --quiet --json \
            data.path="$folder/history.parquet" split.test_days=0 "$@" >/dev/null
    done
    "$python" -m invrl play "$runs"/*/ --sales "$folder/later.parquet" --state "$folder/state.csv" \
        --orders 1-6 --json >"$runs/played.json"
    "$python" -m invrl play "$runs"/*/ --sales "$folder/later.parquet" --state "$folder/state.csv" --orders 1-6
done
