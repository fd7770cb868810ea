#!/usr/bin/env bash
# The offline comparison: for each cell the best of TRIALS configurations by validation, trained on SEEDS seeds
# and tested; the incumbents once; signed differences to DDPG BOTH, one page, tuning curves, the sensitivity.
#
#   scripts/grid.sh retail                                      50,000 pairs train, 5,000 others validate,
#                                                               later days of all 55,000 test: an hour or two
#   scripts/grid.sh freshretail path/to/freshretail_dev.parquet
#   PAIRS=2000 TRIALS=3 ALGOS=ds scripts/grid.sh retail         minutes
#
# Killed, it goes on where it stopped. The forecast of the end counts what each algorithm took so far. A search
# reads validation days alone, and its incumbents are left out: they are the same for every cell.
# Arguments after the file are key.path=value words for every training.
set -euo pipefail
[[ ${1:-} == retail ]] && PAIRS=${PAIRS:-55000}
source "$(dirname "${BASH_SOURCE[0]}")/panel.sh"
out=${OUT:-runs/grid-$config}
trials=${TRIALS:-10} seeds=${SEEDS:-3}
read -ra algos <<< "${ALGOS:-ds ddpg ppo}"
read -ra regs <<< "${REGS:-none base coeff both pil pil_coeff}"
incumbents=(incumbent capped_base_stock projected_level clairvoyant)
words+=("baseline.beside=[]")
mkdir -p "$out/done" "$out/chosen"

declare -A cost=([ds]=2 [ddpg]=2 [ppo]=5 [incumbent]=1)  # guesses, until the first of each has been timed
declare -A taken times
left=()  # kinds of the steps to come, in their order
for _ in "${incumbents[@]}"; do left+=(incumbent); done
for algo in "${algos[@]}"; do
    for _ in "${regs[@]}"; do left+=("$algo"); done
done
steps=${#left[@]}

forecast() { # seconds still to go: the mean of each kind's steps, or its guess in units of those timed
    local unit=0 units=0 sum=0 kind
    for kind in "${!taken[@]}"; do
        unit=$((unit + taken[$kind]))
        units=$((units + cost[$kind] * times[$kind]))
    done
    for kind in ${left[@]+"${left[@]}"}; do
        if [[ -n ${taken[$kind]:-} ]]; then
            sum=$((sum + taken[$kind] / times[$kind]))
        else
            sum=$((sum + cost[$kind] * unit / (units > 0 ? units : 1)))
        fi
    done
    echo "$sum"
}

step() { # KIND NAME FUNCTION...: one part of the work, unless it is done; then what is left
    local kind=$1 name=$2 began=$SECONDS to_go
    shift 2
    left=("${left[@]:1}")
    if [[ ! -e $out/done/$name ]]; then
        "$@"
        touch "$out/done/$name"
        taken[$kind]=$((${taken[$kind]:-0} + SECONDS - began))
        times[$kind]=$((${times[$kind]:-0} + 1))
    fi
    to_go=$(forecast)
    echo "[$((steps - ${#left[@]}))/$steps] $name: $((SECONDS - began)) s;" \
        "about $((to_go / 60)) min to go, until $(date -d "+$to_go seconds" +%H:%M)" >&2
}

cell() { # ALGO REG: search, then the chosen configuration on all seeds
    local algo=$1 reg=$2
    invrl tune --config "$config" --algo "$algo" --reg "$reg" --out "$out/search" --name "$algo-$reg" \
        --trials "$trials" --sampler "${SAMPLER:-quasi}" --halving "${HALVING:-3}" --quiet "${words[@]}" > /dev/null
    invrl tune --config "$out/search/$algo-$reg/best-0/config.toml" --sampler fixed --seeds "$seeds" \
        --out "$out/chosen" --name "$algo-$reg" --quiet > /dev/null
}

incumbent() { # NAME
    invrl train --config "$config" --algo "$1" --out "$out/chosen" --name "$1" --quiet "${words[@]}" > /dev/null
}

for name in "${incumbents[@]}"; do
    step incumbent "$name" incumbent "$name"
done
for algo in "${algos[@]}"; do
    for reg in "${regs[@]}"; do
        step "$algo" "$algo-$reg-$trials-$seeds" cell "$algo" "$reg"
    done
done
invrl compare "$out/chosen" --format markdown | tee "$out/table.md"
mkdir -p "$out/page"  # the same runs by names of their own, as a page wants them
for results in "$out"/chosen/*/results.json "$out"/chosen/*/best-*/results.json; do
    run=${results%/results.json}
    name=${run#"$out"/chosen/}
    ln -sfn "../${run#"$out"/}" "$out/page/${name//\//-}"
done
[[ -e $out/report.html ]] || invrl report "$out"/page/* --out "$out/report.html" --quiet
invrl studies sensitivity "$out/search"
invrl studies curve "$out/search"
