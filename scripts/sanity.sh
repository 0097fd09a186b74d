#!/usr/bin/env bash
# Run ansible-test sanity on a copy of the work tree at ansible_collections/ccobservatory/ops, where ansible-test wants it.
# Its virtual environments and caches stay in .cache/, so that `make clean` removes them. Arguments go to ansible-test.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export PATH=$root/.venv/bin:$PATH
pip_settings=$(pip config list) # the package index that this machine uses, kept for the private home below
export HOME=$root/.cache/home
copy=$root/.cache/sanity/ansible_collections/ccobservatory/ops
core=$(python -c 'import ansible.release; print(".".join(ansible.release.__version__.split(".")[:2]))')
python=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')

mkdir -p "$HOME/.ansible/test/cache" "$HOME/.config/pip"
(
    umask 077
    echo '[global]'
    sed -nE "s/^(:env:|global|install)\.([a-z-]+)='(.*)'\$/\2 = \3/p" <<<"$pip_settings" | awk -F' = ' '!seen[$1]++' | sed 's/\\n/\n  /g'
) >"$HOME/.config/pip/pip.conf"
pip_version=$(sed -n "s/.*'pip': '\([0-9.]*\)'.*/\1/p; s/.*pip='\([0-9.]*\)'.*/\1/p" \
    "$(python -c 'import ansible_test._internal.python_requirements as it; print(it.__file__)')" | head -1)
cp scripts/get_pip.py "$HOME/.ansible/test/cache/get_pip_${pip_version//./_}.py"

# ansible-test keeps its virtual environment in tests/output; the rest of the copy is made anew.
mkdir -p "$copy/tests/output"
find "$copy" -mindepth 1 -maxdepth 1 ! -name tests -exec rm -rf {} +
find "$copy/tests" -mindepth 1 -maxdepth 1 ! -name output -exec rm -rf {} +
git ls-files --cached --others --exclude-standard -z |
    while IFS= read -r -d '' name; do [ -e "$name" ] || [ -L "$name" ] && printf '%s\0' "$name"; done |
    tar --null --files-from=- -cf - | tar -xf - -C "$copy"
cd "$copy"
[ -f "tests/sanity/ignore-$core.txt" ] || { echo "tests/sanity/ignore-$core.txt is missing" >&2; exit 1; }
git init -q
git add -A
exec ansible-test sanity --venv --python "$python" --color no "$@"
