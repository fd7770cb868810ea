#!/usr/bin/env bash
# The offline comparison grid: the best of TRIALS configurations for each of the twelve cells, as signed
# differences to DDPG BOTH; the tuning curves; the sensitivity. Run again, it goes on where it stopped.
#
#   scripts/grid.sh retail
#   scripts/grid.sh freshretail path/to/freshretail_dev.parquet
#   TRIALS=10 SEEDS=1 PAIRS=55000 scripts/grid.sh retail       the paper's size
#   PAIRS=2000 TRIALS=3 ALGOS=ds scripts/grid.sh retail        an hour of a laptop
#
# Arguments after the file are key.path=value words for every training.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/panel.sh"
out=${OUT:-runs/grid-$config}

for algo in ${ALGOS:-ds ddpg ppo}; do
    for reg in ${REGS:-none base coeff both}; do
        invrl tune --config "$config" --algo "$algo" --reg "$reg" --out "$out" --name "$algo-$reg" \
            --trials "${TRIALS:-10}" --seeds "${SEEDS:-1}" --sampler "${SAMPLER:-quasi}" \
            ${words[@]+"${words[@]}"} > /dev/null
    done
done
invrl compare "$out"
invrl studies sensitivity "$out"
invrl studies curve "$out"
