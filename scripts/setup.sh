#!/usr/bin/env bash
# Makes or refreshes .venv with invrl (editable) and extras; does nothing where all is up to date.
#
#   scripts/setup.sh [EXTRAS]       parquet,plots unless given; `dev` to test, `parquet,plots,cuda` for a GPU
#   PYTHON=python3.12 scripts/setup.sh       picks the interpreter of a new .venv
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extras=${1:-parquet,plots}
python=.venv/bin/python
stamp=.venv/invrl-$extras.stamp

say() { echo "$@" >&2; }

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; }

newest_python() {
    local name
    for name in python3.14 python3.13 python3.12 python3.11 python3 python; do
        if supported "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

make_venv() {
    local base=${PYTHON:-$(newest_python)}
    if [[ -z $base ]] || ! supported "$base"; then
        say "error: ${base:-no Python found that} is not Python 3.11 to 3.14"
        say "hint: install one, or name it: PYTHON=/path/to/python3.12 $0"
        return 2
    fi
    say "making .venv with $("$base" --version)"
    if command -v uv >/dev/null; then uv venv --quiet --python "$base" .venv; else "$base" -m venv .venv; fi
}

install_extras() {
    if command -v uv >/dev/null; then
        say "installing invrl[$extras] into .venv with uv"
        uv pip install --quiet --python "$python" --constraints constraints.txt --editable ".[$extras]"
    else
        say "installing invrl[$extras] into .venv with pip (about a minute)"
        "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
        "$python" -m pip install --quiet --disable-pip-version-check \
            --constraint constraints.txt --editable ".[$extras]"
    fi
}

# What an installation depends on: the same text as last time means nothing to do.
fingerprint() { pwd; cat pyproject.toml constraints.txt; }

[[ -e .venv ]] || make_venv
if ! supported "$python"; then
    say "error: .venv has no working Python 3.11 to 3.14"
    say "hint: move .venv away and run this again"
    exit 2
fi
if ! fingerprint | cmp -s - "$stamp"; then
    install_extras
    fingerprint > "$stamp"
fi
