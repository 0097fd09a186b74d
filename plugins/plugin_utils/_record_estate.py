# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record types of what the estate holds and costs: findings, access, documents, money, capacity, drift.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._record_fields import (
    AMOUNT,
    COUNT,
    FLAG,
    INSTANT,
    MAP,
    NAME,
    NAMES,
    OPEN_INSTANT,
    RATIO,
    SECONDS,
    SEVERITIES,
    TEXT,
    RecordType,
    maybe,
    one_of,
    part,
    rows,
)

__all__ = ["ESTATE"]

_CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$", "description": "a currency such as EUR"}
_ROLE = one_of("admin", "write", "read")

SCAN = RecordType(
    "vulnerability_scan",
    "What a scanner found on one host, image or repository. The scanner's own file can lie in the folder instead.",
    (
        (
            "scanner*",
            part(
                ("name*", NAME, "the scanner"),
                ("version*", TEXT, "its version"),
                ("database_built", OPEN_INSTANT, "when its list of vulnerabilities was made"),
            ),
            "what scanned",
        ),
        (
            "target*",
            part(
                ("kind*", one_of("host", "image", "repository"), "what kind of thing"),
                ("name*", NAME, "which one, as the inventory names it"),
                ("digest", maybe(TEXT), "its digest"),
            ),
            "what was scanned",
        ),
        ("scanned*", INSTANT, "when"),
        ("packages", maybe(COUNT), "how many packages were looked at; empty when the scanner does not tell"),
        (
            "findings*",
            rows(
                ("id*", NAME, "the vulnerability, such as CVE-2026-1234"),
                ("severity*", one_of(*SEVERITIES, "unknown"), "how bad it is"),
                ("package*", NAME, "the package"),
                ("installed", maybe(TEXT), "the version that is there"),
                ("fixed_version", maybe(TEXT), "the version that mends it; empty when there is none"),
                ("published", OPEN_INSTANT, "when it became known"),
                ("status", maybe(TEXT), "the scanner's own word"),
                ("title", maybe(TEXT), "what it is"),
            ),
            "what was found; none means it looked and found nothing",
        ),
    ),
    {
        "scanner": {"name": "trivy", "version": "0.67.0", "database_built": "2026-11-20T00:10:00Z"},
        "target": {"kind": "host", "name": "db1"},
        "scanned": "2026-11-20T05:00:00Z",
        "packages": 412,
        "findings": [],
    },
)

SECURITY_ALERT = RecordType(
    "security_alert",
    "Something a security tool reported that a person has to answer.",
    (
        ("title*", NAME, "what it says"),
        ("severity*", one_of(*SEVERITIES), "how bad it is"),
        ("raised*", INSTANT, "when"),
        ("source*", NAME, "the tool"),
        ("subject", maybe(TEXT), "host, account or image"),
        ("covers", NAMES, "ids of the vulnerabilities and names of the alerts that it is about"),
        ("owner", maybe(TEXT), "who has it"),
        ("responded", OPEN_INSTANT, "when a person first answered"),
        ("closed", OPEN_INSTANT, "when it was settled"),
    ),
    {
        "title": "A new key of an administrator",
        "severity": "high",
        "raised": "2026-11-20T06:00:00Z",
        "source": "audit",
        "subject": "db1",
        "owner": "security",
        "responded": "2026-11-20T06:20:00Z",
    },
)

GRANT = RecordType(
    "access_grant",
    "A right that somebody is meant to have.",
    (
        ("system*", NAME, "the system, such as ci or monitoring"),
        ("principal*", NAME, "who has it"),
        ("role*", _ROLE, "what they may do"),
        ("granted*", INSTANT, "since when"),
        ("expires", OPEN_INSTANT, "until when"),
        ("approved_by*", NAME, "who approved it"),
        ("reason*", NAME, "what it is needed for"),
    ),
    {
        "system": "monitoring",
        "principal": "platform",
        "role": "admin",
        "granted": "2026-01-10T09:00:00Z",
        "approved_by": "security lead",
        "reason": "runs it",
    },
)

LISTING = RecordType(
    "access_listing",
    "The rights that a system really gives, as it was asked.",
    (
        ("system*", NAME, "the system"),
        ("anonymous", maybe(FLAG), "whether it lets anybody in; without it nobody knows"),
        (
            "principals*",
            rows(
                ("name*", NAME, "who"),
                ("role*", _ROLE, "what they may do"),
                ("last_used", OPEN_INSTANT, "when it was last used"),
            ),
            "who may do what",
        ),
    ),
    {"system": "monitoring", "anonymous": False, "principals": [{"name": "platform", "role": "admin"}]},
)

DOCUMENT = RecordType(
    "document_review",
    "Somebody read a document and confirmed or changed it.",
    (
        ("document*", NAME, "path or address"),
        ("kind*", one_of("runbook", "procedure", "diagram", "policy", "architecture"), "what it is"),
        ("reviewed*", INSTANT, "when"),
        ("outcome*", one_of("confirmed", "changed", "retired"), "what came of it"),
        ("next_due", OPEN_INSTANT, "when it is due again"),
        ("playbook", maybe(TEXT), "the playbook that it describes"),
    ),
    {
        "document": "docs/operator.md",
        "kind": "runbook",
        "reviewed": "2026-11-03T10:00:00Z",
        "outcome": "confirmed",
        "playbook": "dr-drill.yml",
    },
)

COST = RecordType(
    "cost",
    "An export of costs: lines with the columns of FOCUS (FinOps Open Cost and Usage Specification).",
    (
        ("source*", NAME, "where the export comes from"),
        (
            "lines*",
            rows(
                ("BilledCost*", AMOUNT, "what is invoiced"),
                ("EffectiveCost*", AMOUNT, "what it costs after discounts and amortization"),
                ("BillingCurrency*", _CURRENCY, "the currency of both"),
                ("ChargePeriodStart*", INSTANT, "beginning, inclusive"),
                ("ChargePeriodEnd*", INSTANT, "end, exclusive"),
                ("ServiceName*", NAME, "the service that is charged"),
                ("ResourceId", maybe(TEXT), "the resource"),
                ("ResourceName", maybe(TEXT), "its name"),
                ("RegionId", maybe(TEXT), "its region"),
                ("ChargeCategory", maybe(TEXT), "usage, purchase, tax, credit or adjustment"),
                ("ProviderName", maybe(TEXT), "the provider"),
                ("SubAccountId", maybe(TEXT), "the account"),
                ("Tags", maybe(MAP), "its tags"),
                more=True,
            ),
            "the lines; further FOCUS columns are kept",
        ),
    ),
    {
        "source": "provider export",
        "lines": [
            {
                "BilledCost": 41.5,
                "EffectiveCost": 38.2,
                "BillingCurrency": "EUR",
                "ChargePeriodStart": "2026-11-19T00:00:00Z",
                "ChargePeriodEnd": "2026-11-20T00:00:00Z",
                "ServiceName": "Compute",
                "ResourceId": "vm-17",
            }
        ],
    },
)

BUDGET = RecordType(
    "budget",
    "How much may be spent in a time.",
    (
        ("period_start*", INSTANT, "beginning"),
        ("period_end*", INSTANT, "end"),
        ("amount*", {**AMOUNT, "exclusiveMinimum": 0}, "how much"),
        ("currency*", _CURRENCY, "in which currency"),
        ("services", NAMES, "FOCUS ServiceName it is for; none means all"),
    ),
    {
        "period_start": "2026-11-01T00:00:00Z",
        "period_end": "2026-12-01T00:00:00Z",
        "amount": 1200,
        "currency": "EUR",
    },
)

RESOURCES = RecordType(
    "resource_inventory",
    "What a provider says is there.",
    (
        ("source*", NAME, "where the list comes from"),
        (
            "resources*",
            rows(
                ("id*", NAME, "its id"),
                ("kind*", one_of("instance", "volume", "address", "snapshot", "image", "bucket", "other"), "its kind"),
                ("attached*", FLAG, "whether something uses it"),
                ("encrypted", maybe(FLAG), "whether what it keeps is encrypted; asked of volumes and buckets"),
                ("last_used", OPEN_INSTANT, "when it was last used"),
                ("monthly_cost", maybe(AMOUNT), "what it costs a month"),
                ("currency", maybe(_CURRENCY), "in which currency"),
                ("tags", MAP, "its tags"),
            ),
            "the resources",
        ),
    ),
    {"source": "provider", "resources": [{"id": "vol-3", "kind": "volume", "attached": True, "encrypted": True}]},
)

FORECAST = RecordType(
    "capacity_forecast",
    "What a pool is expected to need.",
    (
        ("pool*", NAME, "the pool"),
        ("resource*", one_of("cpu", "memory", "disk"), "of what"),
        ("made*", INSTANT, "when it was made"),
        ("method*", NAME, "how"),
        ("horizon_s*", SECONDS, "how far it looks, in seconds"),
        ("limit_ratio*", RATIO, "what must not be reached"),
        (
            "predicted*",
            rows(("at*", INSTANT, "when"), ("ratio*", AMOUNT, "the expected use, 0 to 1 of what is there"), least=1),
            "what is expected",
        ),
    ),
    {
        "pool": "app",
        "resource": "cpu",
        "made": "2026-11-19T17:00:00Z",
        "method": "linear over 30 days",
        "horizon_s": 2592000,
        "limit_ratio": 0.8,
        "predicted": [{"at": "2026-11-20T17:00:00Z", "ratio": 0.71}],
    },
)

DRIFT = RecordType(
    "drift_check",
    "A comparison of what is declared with what is there.",
    (
        ("tool*", NAME, "what compared"),
        ("target*", NAME, "what was compared"),
        (
            "repositories",
            NAMES,
            "whose code it was compared with, as in verify_repositories, where target is no such name",
        ),
        ("checked*", INSTANT, "when"),
        ("valid*", FLAG, "whether every template could be parsed and validated"),
        ("resources*", COUNT, "how many resources were looked at"),
        (
            "drifted*",
            rows(
                ("address*", NAME, "which one differs"),
                ("since*", INSTANT, "when that was first seen"),
                ("reviewed_by", maybe(TEXT), "who looked at it"),
            ),
            "what differs",
        ),
    ),
    {
        "tool": "ansible check mode",
        "target": "estate",
        "repositories": ["infrastructure"],
        "checked": "2026-11-20T05:30:00Z",
        "valid": True,
        "resources": 318,
        "drifted": [],
    },
)

ESTATE = (SCAN, SECURITY_ALERT, GRANT, LISTING, DOCUMENT, COST, BUDGET, RESOURCES, FORECAST, DRIFT)
