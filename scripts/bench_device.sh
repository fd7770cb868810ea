#!/usr/bin/env bash
# Everything about speed that this machine can tell, on its GPU if jax finds one, else on its cores, the most
# wanted first: whether a GPU computes what the CPU does; rollouts and updates with their share of the
# machine's limits; a million pairs; a search of 50 configurations x 5 seeds; the DS row of the retail grid at
# 55,000 pairs; the one-store problem of HDPO.
#
#   scripts/bench_device.sh                          at most eight minutes, made for one H100
#   SCALE=0.01 MINUTES=100 scripts/bench_device.sh   a hundredth of the pairs and configurations, on two cores
#
# OUT (bench-DATE) gets a JSON file of every part as it ends, so a run cut short keeps what it has; a part that is
# there is left out the next time, one that took more than its share of MINUTES is stopped and noted as such.
set -euo pipefail
scale=${SCALE:-1} minutes=${MINUTES:-8}
out=${OUT:-bench-$(date +%F)}
mkdir -p "$out"

of() { awk -v n="$1" -v s="$scale" -v least="${2:-100}" 'BEGIN { n = int(n * s); print n < least ? least : n }'; }
timed() { # SHARE NAME COMMAND...: wall seconds, peak memory and exit code of a command, in OUT/time-NAME.json
    local share=$1 name=$2
    shift 2
    [[ -e $out/time-$name.json ]] && return
    echo "== $name: $*"
    python - "$out/time-$name.json" "$(awk -v m="$minutes" -v s="$share" 'BEGIN { print m * 60 * s / 100 }')" "$@" <<'PYTHON'
import json, os, resource, signal, subprocess, sys, time
path, limit, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
began = time.perf_counter()
work = subprocess.Popen(command, start_new_session=True)
try:
    code = work.wait(limit)
except subprocess.TimeoutExpired:
    os.killpg(work.pid, signal.SIGKILL)
    work.wait()
    code = None
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
found = {"seconds": round(time.perf_counter() - began, 2), "host_memory": peak, "exit_code": code,
         "stopped_after": limit if code is None else None, "command": " ".join(command)}
print(found)
with open(path, "w") as file:
    json.dump(found, file, indent=2)
PYTHON
}

same() { # whether the first run's numbers are the second's, in OUT/same.json
    python - "$out" <<'PYTHON'
import glob, json, sys
out = sys.argv[1]
logs = [[json.loads(line) for path in glob.glob(f"{out}/{name}-*/metrics.jsonl") for line in open(path)]
        for name in ("on-cpu", "as-is")]
keys = ("loss", "validation_objective")
gaps = {key: max((abs(a[key] / b[key] - 1) for a, b in zip(*logs)), default=None) for key in keys}
first = {key: abs(logs[0][0][key] / logs[1][0][key] - 1) for key in keys} if all(logs) else None
with open(f"{out}/same.json", "w") as file:
    json.dump({"largest_relative_gap": gaps, "of_the_first_chunk": first}, file, indent=2)
print("CPU against this device, relative gaps:", gaps, "first chunk:", first)
PYTHON
}

small=(train --algo ds --reg both --out "$out" --quiet data.options.pairs=200 train.updates=40 evaluation.bootstrap=20
    "baseline.beside=['incumbent']")
timed 8 as-is invrl "${small[@]}" --name as-is
timed 8 on-cpu env JAX_PLATFORMS=cpu invrl "${small[@]}" --name on-cpu
same
timed 10 updates invrl bench --what base_stock,network,ds --pairs "$(of 55296)" --days 90 --review-period 1,7 \
    --repeats 3 --out "$out/updates.json"
timed 8 learners invrl bench --what ddpg,ppo --pairs "$(of 55296)" --days 90 --review-period 1 --repeats 2 \
    --out "$out/learners.json"
timed 8 million invrl bench --what base_stock,network --pairs "$(of 1000000)" --days 90 --review-period 1 \
    --repeats 2 --out "$out/million.json"
for algo in ds ddpg; do
    timed 11 "search-$algo" invrl tune --config independent --algo "$algo" --reg base --out "$out" \
        --name "search-$algo" --trials "$(of 50 2)" --seeds 5 --sampler quasi --quiet
done
for reg in none base coeff both; do
    timed 8 "row-$reg" invrl train --config retail --algo ds --reg "$reg" --quiet --out "$out" --name "row-$reg" \
        "data.options.pairs=$(of 55000 500)" "split.validation_pairs=$(of 5000 50)" "baseline.beside=[]"
done
timed 4 one-store python "$(dirname "${BASH_SOURCE[0]}")/bench_one_store.py"
cat "$out"/time-*.json
