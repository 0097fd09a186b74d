#!/usr/bin/env bash
# Remove every trace of this checkout on the machine: labs with their networks and image, tools, caches, reports.
# Packages of the operating system stay, and Ansible's own ~/.ansible: other programs may have come to use them.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/console.sh

if command -v podman >/dev/null; then
    for state in .lab/*/; do
        [ -d "$state" ] || continue
        say "lab $(basename "$state")"
        lab/lab --prefix "$(basename "$state")" destroy
    done
    say "image of the labs"
    lab/lab --prefix none destroy --all # no lab has this name, so only the image is left to remove
fi
if [ -e "$no_cluster" ]; then
    as_root rm "$no_cluster"
fi
say "tools, caches and reports"
rm -rf .venv .lab .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache build reports records tests/output inventories/lab*
find . -name __pycache__ -type d -prune -exec rm -rf {} +
rm -f ./*.tar.gz
say "clean"
