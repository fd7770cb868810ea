#!/usr/bin/env bash
# What `invrl pilot` prints for bad input: each case once, with its exit code.
#
#   scripts/bad_pilots.sh
set -uo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

shown() { # title, then the words after `invrl pilot`
    local title=$1
    shift
    echo "### $title"
    echo "\$ invrl pilot $*"
    invrl pilot "$@" 2>&1 | grep -v '^$'
    echo "(exit code ${PIPESTATUS[0]}; files left: $(ls out* 2>/dev/null | tr '\n' ' '))"
    echo
}
judge() { # title, the file, then more options
    local title=$1 file=$2
    shift 2
    shown "$title" analyse "$file" --column unit=sku --out out.csv --plot out.png "$@"
}

{ # 8 pairs x 40 days; the first four change their policy on 2024-01-22
    echo "date,sku,stockout,inventory,sales,treatment_date"
    for sku in 1 2 3 4 5 6 7 8; do
        start=$([ $sku -le 4 ] && echo 2024-01-22)
        for day in $(seq 0 39); do
            echo "$(date -u -d "2024-01-01 +$day day" +%F),P$sku,$(((day * sku) % 7 == 0)),$((20 + (day * sku) % 9)),$((3 + day % 4)),$start"
        done
    done
} > good.csv
sed '1s/inventory/stock/' good.csv > column.csv
sed '9s/,\([01]\),/,7,/' good.csv > percent.csv
sed '5s/,2[0-9],/,-4,/' good.csv > negative.csv
sed '6s/,2[0-9],/,many,/' good.csv > text.csv
{ cat good.csv; sed -n 9p good.csv; } > twice.csv
sed '12s/2024-01-22$/2024-01-25/' good.csv > moved.csv
sed '20s/^[^,]*/yesterday/' good.csv > dates.csv
sed 's/2024-01-22$//' good.csv > nobody.csv
sed 's/,$/,2024-01-22/' good.csv > everybody.csv
sed 's/2024-01-22$/2024-09-01/' good.csv > later.csv
{ head -1 good.csv; tail -n +2 good.csv | awk -F, '$1 >= "2024-01-22"'; } > nobefore.csv
{ head -1 good.csv; grep -E ',P[18],' good.csv; } > two.csv
cut -d, -f1-5 good.csv > untold.csv
head -1 good.csv > header.csv
head -c 200 /dev/urandom > truncated.parquet

judge "missing column" column.csv
judge "unknown role" good.csv --column invntory=stock
judge "a stockout in per cent" percent.csv
judge "negative stock" negative.csv
judge "text" text.csv
judge "the same unit and day twice" twice.csv
judge "a unit with two starts" moved.csv
judge "a date that is none" dates.csv
judge "nobody treated" nobody.csv
judge "everybody treated" everybody.csv
judge "a start after the last day" later.csv
judge "no day before the start" nobefore.csv
judge "two units" two.csv
judge "it does not say who is treated" untold.csv
judge "no rows" header.csv
judge "a truncated Parquet file" truncated.parquet
judge "an unknown outcome" good.csv --outcome profit
judge "a washout longer than the pilot" good.csv --washout 60
shown "a plan without an effect" plan good.csv --column unit=sku --out out.csv
shown "a plan longer than the panel" plan good.csv --column unit=sku --out out.csv --stockout -1 --days 90
shown "a power of 80" plan good.csv --column unit=sku --out out.csv --stockout -1 --before 14 --days 14 --power 80
shown "no year before" year-on-year good.csv --column unit=sku --out out.csv --from 2024-01-10 --to 2024-01-20
shown "a day that is none" year-on-year good.csv --column unit=sku --out out.csv --from January --to 2024-01-20
shown "a pilot of three pairs" simulate --pairs 3 --out out.csv
shown "an effect in the inventory simulator" simulate --stockout -1 --out out.csv
shown "a pilot longer than the data" simulate --data good.csv data.columns.demand=sales supply.lead_time=2 split.test_days=5 split.validation_days=5 --pairs 8 --out out.csv
shown "a run that is not there" simulate --run runs/none --out out.csv
touch out.csv
shown "an output file that exists" analyse good.csv --column unit=sku --out out.csv
