#!/usr/bin/env bash
# From a fresh checkout to a first trained policy: sets up .venv, then trains DS with both regularisations.
# Arguments go to `invrl train`, such as: scripts/quickstart.sh --seed 1 train.updates=200
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

bash "$root/scripts/setup.sh" parquet,plots
exec "$root/.venv/bin/invrl" train --algo ds --reg both "$@"
