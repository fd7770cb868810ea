#!/usr/bin/env bash
# The paper's synthetic study: how tuning effort buys decision quality, in each of its settings.
# Run again, it goes on where it stopped.
#
#   scripts/study_synthetic.sh                        Setting 1, six cells, 50 configurations x 3 seeds; 75 minutes
#   SETTINGS="independent ar1 iid" REGS="none base coeff both" scripts/study_synthetic.sh
#   SCALE=0.1 scripts/study_synthetic.sh              a tenth of the configurations
set -euo pipefail
scale=${SCALE:-1}
trials=${TRIALS:-$(awk -v s="$scale" 'BEGIN { t = int(50 * s + 0.5); print t < 2 ? 2 : t }')}

for setting in ${SETTINGS:-independent}; do
    out=${OUT:-runs/study}/$setting
    for algo in ${ALGOS:-ds ddpg ppo}; do
        for reg in ${REGS:-none base}; do
            invrl tune --config "$setting" --algo "$algo" --reg "$reg" --out "$out" --name "$algo-$reg" \
                --trials "$trials" --seeds "${SEEDS:-3}" --sampler quasi "$@" > /dev/null
        done
    done
    level=()
    [[ $setting == independent ]] && level=(--level "optimum=0.8592")
    invrl compare "$out" --reference ds/none
    invrl studies curve "$out" ${level[@]+"${level[@]}"}
    [[ -e $out/curve.png ]] || invrl studies curve "$out" ${level[@]+"${level[@]}"} --out "$out/curve.png"
done
