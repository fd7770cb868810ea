#!/usr/bin/env bash
# How long `invrl recommend` takes and how much memory: a state of so many rows to orders, Parquet and CSV.
# Each row has the stock, what is due in 1..14 days and the demand of 28 days; WIDE=1 adds three known-ahead
# columns for 16 coming days (93 columns in all). 1,000 of the pairs are the run's, the others new to it.
#
#   scripts/bench_recommend.sh [ROWS] [RUN]
set -euo pipefail
rows=${1:-1000000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
run=${2:-}
if [ -z "$run" ]; then
    invrl train --quiet --out "$folder/runs" --name bench > /dev/null 2>&1
    run=$(echo "$folder"/runs/bench-*)
fi

python - "$rows" "$run" "$folder/state" "${WIDE:-}" <<'PYTHON'
import sys
import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet
from invrl import runs
from invrl.sources.contract import source_panel

rows, panel = int(sys.argv[1]), source_panel(runs.find(sys.argv[2]).config.data)
rng, step, writers = np.random.default_rng(0), 100_000, []
for low in range(0, rows, step):
    n = min(step, rows - low)
    mean = np.exp(rng.normal(0.4, 1.6, n))
    table = {"sku": [f"N{low + i:07d}" for i in range(n)], "warehouse": np.char.mod("W%02d", np.arange(n) % 20)}
    if low == 0:
        known = min(panel.pairs, n)
        table["sku"][:known], table["warehouse"][:known] = panel.sku[:known], panel.warehouse[:known]
    table["on_hand"] = rng.poisson(9 * mean).astype(np.int32)
    table["lead_time"] = rng.integers(1, 15, n).astype(np.int8)
    table |= {f"due_{k}": (rng.random(n) < 0.2) * rng.poisson(3 * mean).astype(np.int32) for k in range(1, 15)}
    table |= {f"demand_{k}": rng.poisson(mean).astype(np.int32) for k in range(1, 29)}
    if sys.argv[4]:
        table |= {f"{name}_{k}": (rng.random(n) < 0.1).astype(np.int8) for name in panel.ahead for k in range(16)}
    table = pa.table(table)
    if not writers:
        writers = [parquet.ParquetWriter(sys.argv[3] + ".parquet", table.schema),
                   csv.CSVWriter(sys.argv[3] + ".csv", table.schema)]
    for writer in writers:
        writer.write_table(table)
for writer in writers:
    writer.close()
PYTHON

for kind in parquet csv; do
    echo "== $kind: $(du -h "$folder/state.$kind" | cut -f1) state, $rows rows"
    /usr/bin/time -f 'wall %e s, user %U s, peak %M KB' \
        invrl recommend "$run" --date 2024-10-29 --state "$folder/state.$kind" --out "$folder/orders.$kind"
done
