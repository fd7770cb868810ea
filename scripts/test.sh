#!/usr/bin/env bash
# Everything a change must pass: lint, format, types, tests. Arguments go to pytest: scripts/test.sh -k heads
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh dev
export JAX_PLATFORMS=${JAX_PLATFORMS:-cpu}

failed=""
check() {
    local what=$1
    shift
    echo "== $what: $*"
    .venv/bin/python -m "$@" || failed+=" $what"
}

check lint ruff check
check format ruff format --check
check types mypy
# a file stays with one process: its fixtures are made, and its programs compiled, once
check tests pytest -n 2 --dist loadfile -q "$@"

if [[ -n $failed ]]; then
    echo "failed:$failed" >&2
    exit 1
fi
