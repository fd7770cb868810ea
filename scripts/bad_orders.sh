#!/usr/bin/env bash
# What `invrl recommend` prints for bad input: each case once, with its exit code. One small run is trained first.
#
#   scripts/bad_orders.sh
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

shown() { # title, then the state file and options
    local title=$1 state=$2
    shift 2
    echo "### $title"
    echo "\$ invrl recommend shop --state $state --out orders.csv $*"
    invrl recommend shop --state "$state" --out orders.csv "$@" 2>&1 | grep -v '^$'
    echo "(exit code ${PIPESTATUS[0]}; files left: $(ls orders* 2>/dev/null | tr '\n' ' '))"
    echo
}

{
    echo "date,sku,warehouse,demand"
    for sku in A B; do
        for day in $(seq 0 59); do echo "$(date -u -d "2024-01-01 +$day day" +%F),$sku,W1,$((day % 5))"; done
    done
} > sales.csv
invrl train --quiet --data sales.csv --name shop --algo incumbent supply.lead_time=4 >/dev/null 2>&1 || exit 1

printf 'sku,warehouse,on_hand,due_1,due_2\nA,W1,3,0,2\nB,W1,0,4,0\n' > good.csv
sed 's/on_hand/stock/' good.csv > column.csv
sed '3s/,0,4/,-2,4/' good.csv > negative.csv
sed '2s/,3,/,,/' good.csv > missing.csv
sed '2s/,3,/,three,/' good.csv > text.csv
sed '3s/^B/A/' good.csv > twice.csv
sed '1s/due_2/due_3/' good.csv > hole.csv
printf 'sku,warehouse,on_hand,pipeline\nA,W1,3,5\n' > pipeline.csv
printf 'sku,warehouse,on_hand,demand_1\nA,W1,3,5\n' > undated.csv
printf 'sku,warehouse,on_hand,lead_time\nA,W1,3,500\n' > far.csv
echo 'C,W1' | cat good.csv - > short.csv
head -1 good.csv > header.csv
: > empty.csv
head -c 200 /dev/urandom > truncated.parquet

shown "missing column" column.csv
shown "negative stock" negative.csv
shown "a stock that is missing" missing.csv
shown "text" text.csv
shown "the same pair twice" twice.csv
shown "a day left out" hole.csv
shown "a pipeline without its day" pipeline.csv
shown "history without a date" undated.csv
shown "a lead time beyond the policy's" far.csv
shown "a short line" short.csv
shown "no rows" header.csv
shown "an empty file" empty.csv
shown "a truncated Parquet file" truncated.parquet
shown "no such file" nowhere.csv
shown "a date after the data" good.csv --date 2024-05-01
shown "a date that is none" good.csv --date tomorrow
shown "a limit that cannot change" good.csv supply.lead_time=2
shown "nothing known ahead in this file" good.csv --ahead sales.csv
shown "a pair that is not there" good.csv --explain A,W2
touch orders.csv
shown "an output file that exists" good.csv
