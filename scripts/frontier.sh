#!/usr/bin/env bash
# Stockouts against stock: every form is trained at five prices of a stockout and compared at equal
# stockout rate, which a table of two rows cannot do. Run again, it goes on where it stopped.
#
#   scripts/frontier.sh retail
#   scripts/frontier.sh freshretail path/to/freshretail_dev.parquet
#   PAIRS=2000 ALGOS=ds REGS="none both" PRICES="10 30 80" scripts/frontier.sh retail
#
# Arguments after the file are key.path=value words for every training.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/panel.sh"
out=${OUT:-runs/frontier-$config}
prices=(${PRICES:-10 20 30 50 80})

for algo in ${ALGOS:-ds}; do
    for reg in ${REGS:-none base coeff both}; do
        invrl tune --config "$config" --algo "$algo" --reg "$reg" --out "$out" --name "$algo-$reg" \
            --only --space "objective.stockout_weight=choice ${prices[*]}" --sampler grid \
            --trials ${#prices[@]} --seeds "${SEEDS:-1}" ${words[@]+"${words[@]}"} > /dev/null
    done
done
invrl studies frontier "$out"
[[ -e $out/frontier.png ]] || invrl studies frontier "$out" --out "$out/frontier.png"
