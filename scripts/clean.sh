#!/usr/bin/env bash
# Remove every trace of this checkout on the machine: labs with their networks and image, tools, caches, and the reports and
# records of the labs. What belongs to another environment is evidence: it stays, and is named at the end.
# Packages of the operating system stay, and Ansible's own ~/.ansible: other programs may have come to use them.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/console.sh
shopt -s nullglob

# A lab writes its inventory itself, and says so in the first line; what people keep under such a name is theirs.
of_people() { [ -e "inventories/$1" ] && ! grep -qs '^# Written by the lab;' "inventories/$1/hosts.yml"; }

# The name stands in every template of the lab, and a lab that was destroyed by itself has left its reports.
names=(lab)
for path in .lab/*/ inventories/lab-*/; do
    name=$(basename "$path")
    names+=("lab-${name#lab-}")
done
labs=()
for name in "${names[@]}"; do
    of_people "$name" || labs+=("$name")
done

if command -v podman >/dev/null; then
    for state in .lab/*/; do
        say "lab $(basename "$state")"
        lab/lab --prefix "$(basename "$state")" destroy
    done
    say "image of the labs"
    lab/lab --prefix none destroy --all # no lab has this name, so only the image is left to remove
fi
bash scripts/gently.sh --forget
if [ -e "$no_cluster" ]; then
    as_root rm "$no_cluster"
fi
say "tools, caches, and what the labs left"
rm -rf .venv .lab .cache .ansible .hypothesis .mypy_cache .pytest_cache .ruff_cache build tests/output
for name in "${labs[@]}"; do
    rm -rf "inventories/$name" "reports/$name"
    if [ -d records ]; then
        # Exit code 1 is that there is none.
        { grep -rlZE "\"environment\": *\"$name\"" records || [ $? -eq 1 ]; } | xargs -0r rm --
    fi
done
for room in records reports; do
    if [ -d "$room" ]; then
        # A guard only orders those who write; it says nothing without a record beside it.
        find "$room" -name .guard -execdir sh -c '[ "$(ls -A)" = .guard ] && rm .guard' \;
        find "$room" -depth -type d -empty -delete
    fi
done
find . -name __pycache__ -type d -prune -exec rm -rf {} +
rm -f ./ccobservatory-ops-*.tar.gz
left=(reports/* records/* inventories/lab*)
if [ ${#left[@]} -gt 0 ]; then
    say "left, because no lab has written it: ${left[*]}"
fi
say "clean"
