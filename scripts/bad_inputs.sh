#!/usr/bin/env bash
# What bad input prints: each case once, with its exit code. Nothing is trained.
#
#   scripts/bad_inputs.sh
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

good() { # 2 pairs x 40 days
    echo "date,sku,warehouse,demand"
    for sku in A B; do
        for day in $(seq 0 39); do echo "$(date -u -d "2024-01-01 +$day day" +%F),$sku,W1,$((day % 5))"; done
    done
}
shown() { # title, then the command
    local title=$1
    shift
    echo "### $title"
    echo "\$ $*"
    "$@" 2>&1 | grep -v '^$'
    echo "(exit code ${PIPESTATUS[0]})"
    echo
}
train=(invrl train --quiet train.updates=20 --data)

good > good.csv
sed 's/demand/qty/' good.csv > column.csv
sed '5s/[0-9]*$/nan/' good.csv > nan.csv
sed '6s/[0-9]*$/-3/' good.csv > negative.csv
sed '7s/[0-9]*$/many/' good.csv > text.csv
{ cat good.csv; sed -n 9p good.csv; } > twice.csv
sed '12d' good.csv > gap.csv
{ head -1 good.csv; tail -n +2 good.csv | shuf --random-source=<(yes); } > unsorted.csv
{ head -1 good.csv; grep 2024-01-01 good.csv; } > oneday.csv
sed '20s/^[^,]*/yesterday/' good.csv > mixed.csv
: > empty.csv
head -c 200 /dev/urandom > truncated.parquet

shown "missing column" "${train[@]}" column.csv
shown "unknown name in the column map" "${train[@]}" good.csv data.columns.demnd=demand
shown "NaN demand" "${train[@]}" nan.csv
shown "negative demand" "${train[@]}" negative.csv
shown "text demand" "${train[@]}" text.csv
shown "the same pair and day twice" "${train[@]}" twice.csv
shown "a gap" "${train[@]}" gap.csv
shown "unsorted rows (fine: described, not trained)" invrl data describe unsorted.csv --json --out described.json
shown "a file of one day" "${train[@]}" oneday.csv
shown "mixed types in a column" "${train[@]}" mixed.csv
shown "an empty file" "${train[@]}" empty.csv
shown "a truncated Parquet file" "${train[@]}" truncated.parquet
shown "no such file" "${train[@]}" nowhere.csv
shown "unknown config key" invrl train train.bacth=3 ds.learning_rte=1
shown "wrong type" invrl train train.updates=many
shown "impossible split" "${train[@]}" good.csv split.train_days=60
shown "unknown form" invrl train --reg bsae
shown "an output file that exists" invrl data import good.csv --out good.csv
shown "no such run" invrl evaluate runs/nothing
