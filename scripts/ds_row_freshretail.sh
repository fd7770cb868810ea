#!/usr/bin/env bash
# The DS row of the grid on real data: four forms, three seeds, and the incumbents; then the table.
#
#   scripts/ds_row_freshretail.sh path/to/freshretail_dev.parquet [runs/ds-row] [key.path=value ...]
#
# Finished runs are kept: a rerun goes on where the last one stopped. About five minutes on two cores.
set -euo pipefail
data=${1:?usage: $0 FILE.parquet [OUT_DIR] [key.path=value ...]}
out=${2:-runs/ds-row}
shift $(( $# < 2 ? $# : 2 ))

for reg in none base coeff both; do
    invrl tune --config freshretail --algo ds --reg "$reg" --sampler fixed --seeds 3 \
        --out "$out" --name "ds-$reg" data.path="$data" "$@" > /dev/null
done
for incumbent in incumbent s_S capped_base_stock constant; do
    compgen -G "$out/$incumbent-*/results.json" > /dev/null ||
        invrl train --config freshretail --algo "$incumbent" --out "$out" --name "$incumbent" \
            data.path="$data" "$@" > /dev/null
done
invrl compare "$out" --reference incumbent
