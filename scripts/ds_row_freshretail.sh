#!/usr/bin/env bash
# The DS row of the grid on real data: four forms, three seeds, and the incumbents; then the table.
#
#   scripts/ds_row_freshretail.sh path/to/freshretail_dev.parquet [runs/ds-row] [key.path=value ...]
#
# Finished runs are kept: a rerun goes on where the last one stopped.
set -euo pipefail
data=${1:?usage: $0 FILE.parquet [OUT_DIR] [key.path=value ...]}
out=${2:-runs/ds-row}
shift $(( $# < 2 ? $# : 2 ))

train() { # name, then arguments of invrl train
    local name=$1
    shift
    compgen -G "$out/$name-*/results.json" > /dev/null && return
    for stopped in "$out/$name"-*/; do
        [ -e "$stopped/checkpoints/last.npz" ] && invrl resume "$stopped" && return
    done
    invrl train --config freshretail --out "$out" --name "$name" "$@" data.path="$data"
}

for seed in 0 1 2; do
    for reg in none base coeff both; do
        train "ds-$reg-s$seed" --algo ds --reg "$reg" --seed "$seed" "$@"
    done
done
for incumbent in incumbent s_S capped_base_stock constant; do
    train "$incumbent" --algo "$incumbent" "$@"
done
invrl compare "$out" --reference incumbent
