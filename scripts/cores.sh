#!/usr/bin/env bash
# Prove the collection on other releases of ansible-core: every playbook parses, every module is documented, the unit
# tests pass. These releases need Python 3.12 or later; name one with NEWER_PYTHON=... where it is not called python3.12 to 14.
#
# Nothing may warn of what a later release takes away.
#
# Usage: scripts/cores.sh [RELEASE ...]     default: 2.20 2.21
#        scripts/cores.sh --python          print the Python that would be used, or fail
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/console.sh
python=
for candidate in ${NEWER_PYTHON:-python3.12 python3.13 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] ||
    die "no Python 3.12 or later was found; install one and name it: NEWER_PYTHON=/path/to/python3.12 make cores"
if [ "${1:-}" = --python ]; then
    echo "$python"
    exit
fi
[ "$#" -gt 0 ] || set -- 2.20 2.21
# The collections that ours builds on come from the pinned environment: they do not depend on the release of the core.
collections=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# Everything pinned but Ansible itself and what depends on a release of it.
others=$(grep -vE '^(#|$|ansible==|ansible-lint|molecule|galaxy-importer|antsibull|yamllint|ruff|mypy|types-)' requirements.txt)
said=$(mktemp)
trap 'rm -f "$said"' EXIT
mapfile -t modules < <(find plugins/modules -name '[!_]*.py' -printf 'ccobservatory.ops.%f\n' | sed 's/\.py$//' | sort)

for release in "$@"; do
    environment=.cache/cores/$release
    [ -x "$environment/bin/python" ] || "$python" -m venv "$environment"
    # shellcheck disable=SC2086 # one requirement a word
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check "ansible-core==$release.*" $others
    say "$("$environment/bin/ansible" --version | sed -n 1p) on $("$environment/bin/python" --version)"
    export ANSIBLE_COLLECTIONS_PATH=$PWD/collections:$collections ANSIBLE_DEPRECATION_WARNINGS=true
    {
        "$environment/bin/ansible-playbook" --syntax-check -i localhost, dr-drill.yml playbooks/*.yml
        "$environment/bin/ansible-doc" --json -t module "${modules[@]}" 2>&1 >/dev/null
        "$environment/bin/python" -m pytest -q tests/unit
    } 2>&1 | tee "$said"
    if grep -qF '[DEPRECATION WARNING]' "$said"; then
        die "ansible-core $release warns of what a later one takes away, see above; mend what it names"
    fi
done
say "every release passed"
