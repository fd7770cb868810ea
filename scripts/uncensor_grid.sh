#!/usr/bin/env bash
# How the comparison changes when demand is estimated where stockouts cut the sales: two forms and the
# incumbent, trained and tested on sales and on uncensored demand; then the policies of the sales on the demand.
#
#   scripts/uncensor_grid.sh path/to/freshretail_dev.parquet [runs/uncensor] [key.path=value ...]
set -euo pipefail
data=${1:?usage: $0 FILE.parquet [OUT_DIR] [key.path=value ...]}
out=${2:-runs/uncensor}
shift $(( $# < 2 ? $# : 2 ))
mkdir -p "$out"

if [ ! -e "$out/sales.parquet" ]; then # the first 5,000 pairs
    python - "$data" "$out/sales.parquet" <<'PYTHON'
import sys
from pyarrow import parquet
parquet.write_table(parquet.ParquetFile(sys.argv[1]).read_row_group(0), sys.argv[2])
PYTHON
fi
if [ ! -e "$out/demand.parquet" ]; then # drawn, so that a day's demand varies as much as sales do
    invrl data uncensor "$out/sales.parquet" --config freshretail --draw 0 --out "$out/demand.parquet"
fi
for kind in sales demand; do
    known=$([ $kind = sales ] && echo censored || echo uncensored)
    for reg in none both; do
        compgen -G "$out/$kind/ds-$reg-*/results.json" > /dev/null && continue
        invrl train --quiet --config freshretail --reg "$reg" --out "$out/$kind" --name "ds-$reg" \
            data.path="$out/$kind.parquet" data.knowledge=$known "$@" > /dev/null
    done
    compgen -G "$out/$kind/incumbent-*/results.json" > /dev/null ||
        invrl train --quiet --config freshretail --algo incumbent --out "$out/$kind" --name incumbent \
            data.path="$out/$kind.parquet" data.knowledge=$known > /dev/null
    echo "## Trained and tested on $kind"
    invrl compare "$out/$kind" --reference incumbent --format markdown
done
echo "## Trained on sales, tested on demand"
invrl evaluate "$out"/sales/*/ --data "$out/demand.parquet" --format markdown
echo "## Trained on demand, tested on demand"
invrl evaluate "$out"/demand/*/ --format markdown
