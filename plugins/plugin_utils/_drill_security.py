# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the recovery site is protected as the primary site was: one row a safeguard, expected against observed. Pure.

An alternate site has to provide controls equivalent to those of the primary site (NIST SP 800-53, CP-7). The yardstick
is therefore what the primary had before it was lost, read by the same commands. What could not be read on either side
is unknown, and unknown is never a match.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from ansible_collections.ccobservatory.ops.plugins.module_utils._canonical import digest

__all__ = ["compared", "deficiencies", "unknown"]

Facts = Mapping[str, Any]
"""What `security_read.yml` keeps of a host: ``host``, ``at``, ``units``, and ``answers`` with ``rc`` and ``stdout``."""

_SSHD = (
    *("permitrootlogin", "passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"),
    *("pubkeyauthentication", "hostbasedauthentication"),
)
_STRONG = {"scram-sha-256", "cert", "gss", "reject"}
_ENCRYPTED = {"hostssl", "hostgssenc"}
_LOOPBACK = ("127.", "::1")
_RULES = "psql: TABLE pg_hba_file_rules"


class _Safeguard(NamedTuple):
    name: str
    command: str
    told: Callable[[Facts], str | None]


def compared(
    before: Facts | None, after: Facts | None, *, remembered: Facts | None = None
) -> list[dict[str, Any]] | None:
    """Return one row a safeguard; None where nobody looked at the recovery site.

    Args:
        before: what was read of the primary while it still answered; nothing where it did not.
        after: what was read of the recovery site after the switch.
        remembered: what an earlier drill read of the primary. It is the yardstick for what ``before`` does not tell,
            as after a disaster, and the row says from when it is.
    """
    if not after:
        return None
    rows = [_row(one, before or {}, after, remembered or {}) for one in _SAFEGUARDS]
    return [*rows, _certificate(after)]


def deficiencies(rows: Iterable[Mapping[str, Any]] | None) -> Iterator[str]:
    """Yield a sentence for each safeguard that the recovery site has otherwise than the primary site had it."""
    for row in rows or ():
        if row["result"] == "differs":
            yield f"Recovery site, {row['name']}: expected {row['expected']}, observed {row['observed']}."


def unknown(rows: Iterable[Mapping[str, Any]] | None) -> Iterator[str]:
    """Yield a sentence where nobody can tell whether the recovery site is protected as the primary site was."""
    if rows is None:
        yield "How the recovery site is protected was not read."
        return
    names = [str(row["name"]) for row in rows if row["result"] == "could_not_run"]
    if names:
        yield f"Whether the recovery site is protected as the primary site was is not known for: {', '.join(names)}."


def _row(one: _Safeguard, before: Facts, after: Facts, remembered: Facts) -> dict[str, Any]:
    expected, observed = one.told(before), one.told(after)
    since = ""
    if expected is None:
        expected, since = one.told(remembered), f" (as a drill read it at {remembered.get('at')})"
    known = expected is not None and observed is not None
    return {
        "name": one.name,
        "command": one.command,
        "expected": "unknown: the primary site could not be asked" if expected is None else expected + since,
        "observed": observed if observed is not None else "unknown: no answer that can be read",
        "result": "could_not_run" if not known else "verified" if expected == observed else "differs",
    }


def _answer(facts: Facts, name: str) -> Any:
    """Return what a command printed, None where it did not end well."""
    found = (facts.get("answers") or {}).get(name) or {}
    return found.get("stdout") if found.get("rc") == 0 else None


def _parsed(facts: Facts, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_answer(facts, name) or "{}")
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _setting(*keys: str) -> Callable[[Facts], str | None]:
    def told(facts: Facts) -> str | None:
        database = _parsed(facts, "database")
        return ", ".join(str(database[key]) for key in keys) if all(database.get(key) for key in keys) else None

    return told


def _rules(facts: Facts) -> list[dict[str, Any]] | None:
    found = _parsed(facts, "database").get("rules")
    return found if isinstance(found, list) and found else None


def _who_connects(facts: Facts) -> str | None:
    rules = _rules(facts)
    return f"{len(rules)} rules, digest {digest({'rules': rules})[:16]}" if rules else None


def _weak_rules(facts: Facts) -> str | None:
    """Count the rules that let the network in without TLS, or by less than a SCRAM digest or a certificate."""
    rules = _rules(facts)
    if not rules:
        return None
    remote = [
        rule
        for rule in rules
        if rule.get("error") or (rule.get("type") != "local" and not str(rule.get("address")).startswith(_LOOPBACK))
    ]
    weak = [row for row in remote if row.get("type") not in _ENCRYPTED or row.get("method") not in _STRONG]
    return f"{len(weak)} of {len(remote)}"


def _superusers(facts: Facts) -> str | None:
    found = _parsed(facts, "database").get("superusers")
    return ", ".join(map(str, found)) if isinstance(found, list) and found else None


def _logs(facts: Facts) -> str | None:
    found = _parsed(facts, "database").get("logs")
    told = sorted(found.items()) if isinstance(found, dict) else []
    return ", ".join(f"{key} {value}" for key, value in told) or None


def _ssh(facts: Facts) -> str | None:
    lines = [line.split(maxsplit=1) for line in str(_answer(facts, "sshd") or "").splitlines()]
    found = {words[0].lower(): words[1] for words in lines if len(words) > 1}
    return ", ".join(f"{key} {found[key]}" for key in _SSHD if key in found) or None


def _services(facts: Facts) -> str | None:
    """Name the state of each unit; systemctl ends with 3 or 4 where one of them does not run, which is an answer."""
    found, units = (facts.get("answers") or {}).get("services") or {}, list(facts.get("units") or [])
    states = str(found.get("stdout") or "").split()
    if found.get("rc") not in (0, 3, 4) or not units or len(states) != len(units):
        return None
    return ", ".join(f"{unit} {state}" for unit, state in zip(units, states, strict=True))


def _firewall(facts: Facts) -> str | None:
    """Name the policy of each chain at the input, ``no chain`` where the kernel has none."""
    if not isinstance(rows := _parsed(facts, "firewall").get("nftables"), list):
        return None
    chains = [row["chain"] for row in rows if isinstance(row, dict) and isinstance(row.get("chain"), dict)]
    inputs = [chain for chain in chains if chain.get("hook") == "input"]
    told = sorted(f"{one.get('family')} {one.get('table')} policy {one.get('policy', 'accept')}" for one in inputs)
    return ", ".join(told) or "no chain at the input"


def _files(facts: Facts) -> str | None:
    lines = [line.split(maxsplit=2) for line in str(_answer(facts, "files") or "").splitlines()]
    told = sorted(f"{PurePosixPath(row[2]).name} {row[0]} {row[1]}" for row in lines if len(row) == 3)
    return ", ".join(told) or None


def _seen(facts: Facts) -> str | None:
    jobs = _answer(facts, "monitoring")
    return (", ".join(map(str, jobs)) or "nothing") if isinstance(jobs, list) else None


def _certificate(after: Facts) -> dict[str, Any]:
    """Judge the certificate by its own end: it is another one than the primary's, so there is nothing to compare."""
    found = (after.get("answers") or {}).get("certificate") or {}
    lines = str(found.get("stdout") or "").splitlines()
    ends = [line.removeprefix("notAfter=") for line in lines if line.startswith("notAfter=")]
    good = "verified" if found.get("rc") == 0 else "differs"
    return {
        "name": "certificate of the database",
        "command": "openssl x509 -noout -enddate -checkend",
        "expected": f"valid for {after.get('certificate_min_days')} days more",
        "observed": f"until {ends[0]}" if ends else "unknown: no certificate that can be read",
        "result": good if ends else "could_not_run",
    }


_SAFEGUARDS = (
    _Safeguard("who may connect to the database, from where and how", _RULES, _who_connects),
    _Safeguard("rules that let the network in without TLS or a strong digest", _RULES, _weak_rules),
    _Safeguard(
        "encryption of connections, and from which version of TLS",
        "psql: SHOW ssl, ssl_min_protocol_version",
        _setting("ssl", "tls_from"),
    ),
    _Safeguard("digest of passwords", "psql: SHOW password_encryption", _setting("passwords")),
    _Safeguard("checksums of data pages", "psql: SHOW data_checksums", _setting("checksums")),
    _Safeguard("superusers of the database", "psql: TABLE pg_roles", _superusers),
    _Safeguard("what the database logs for the audit", "psql: SHOW log_*", _logs),
    _Safeguard("access by ssh", "sshd -T", _ssh),
    _Safeguard("services that guard, ship logs and report", "systemctl is-active", _services),
    _Safeguard("firewall of the host", "nft -j list chains", _firewall),
    _Safeguard("who may read the files with secrets", "stat --format='%a %U:%G %n'", _files),
    _Safeguard("monitoring sees the host", 'Prometheus: up{host="..."} == 1', _seen),
)
