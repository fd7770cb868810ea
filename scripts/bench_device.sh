#!/usr/bin/env bash
# Everything about speed that this machine can tell, on its GPU if jax finds one, else on its cores:
# rollouts and updates with their share of the machine's limits, growth with pairs and days, a search of
# 50 configurations x 5 seeds, training on the whole panel, a trained policy on a million pairs.
#
#   scripts/bench_device.sh                 one to two hours on two cores
#   SCALE=0.01 scripts/bench_device.sh      a hundredth of the pairs and of the configurations
#
# Figures go to OUT (bench-DATE), tables to the terminal; a part that is there already is left out.
set -euo pipefail
scale=${SCALE:-1}
out=${OUT:-bench-$(date +%F)}
mkdir -p "$out"

of() { awk -v n="$1" -v s="$scale" -v least="${2:-100}" 'BEGIN { n = int(n * s); print n < least ? least : n }'; }
timed() { # NAME COMMAND...: wall seconds and peak memory of a command, kept in OUT/NAME.time
    local name=$1
    shift
    [[ -e $out/$name.time ]] && return
    echo "== $name: $*"
    python - "$out/$name.time" "$@" <<'PYTHON'
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.call(sys.argv[2:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
line = f"{time.perf_counter() - began:.1f} s, {peak / 1e9:.2f} GB: {' '.join(sys.argv[2:])}"
print(line)
if code == 0:
    open(sys.argv[1], "w").write(line + "\n")
sys.exit(code)
PYTHON
}

timed paper invrl bench --pairs "$(of 55296)" --days 90 --review-period 1,2,7 --out "$out/paper.json"
timed growth invrl bench --what base_stock,network,ds --review-period 1 --repeats 2 --out "$out/growth.json" \
    --pairs "$(of 1000 10),$(of 10000 20),$(of 100000 40),$(of 1000000 80)" --days 90
timed days invrl bench --what base_stock,network,ds --review-period 1 --repeats 2 --out "$out/days.json" \
    --pairs "$(of 10000)" --days 90,30,365
for algo in ds ddpg ppo; do
    timed "search-$algo" invrl tune --config independent --algo "$algo" --reg base --out "$out" \
        --name "search-$algo" --trials "$(of 50 2)" --seeds 5 --sampler quasi --quiet
done
timed train invrl train --config retail --quiet --out "$out" --name panel \
    "data.options.pairs=$(of 55000 500)" data.options.days=120 "split.validation_pairs=$(of 5000 50)" \
    split.test_days=20
timed million invrl evaluate "$(printf '%s\n' "$out"/panel-* | tail -1)" "data.options.pairs=$(of 1000000 1000)" \
    data.options.days=120 "split.validation_pairs=$(of 20000 100)" split.test_days=90
cat "$out"/*.time
