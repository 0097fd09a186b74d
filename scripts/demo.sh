#!/usr/bin/env bash
# The whole story on one machine: build the estate, back it up, lose its primary site, recover it, hand over the report.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/console.sh
export PATH=$PWD/.venv/bin:$PATH

bash scripts/bootstrap.sh
bash scripts/estate.sh
say "backup of the primary"
ansible-playbook -i inventories/lab/hosts.yml playbooks/backup.yml
say "drill: the primary site is lost and recovered from the repository alone"
ansible-playbook -i inventories/lab/hosts.yml dr-drill.yml -e dr_drill_confirm=lab "$@"
say "done"
python scripts/proved.py reports/lab/drills
