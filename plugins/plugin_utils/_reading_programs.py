# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that only read, and the arguments that leave them readers.

A program with any option that writes, runs something or loads code is allowed by a list of options, never by a list of
the bad ones: getopt_long(3) takes each unambiguous beginning of a long option, and letters stand in clusters.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["PROGRAMS", "Words"]

Words = Sequence[str]
Test = Callable[[Words], bool]

# Options that have no value, or hold it behind an equals sign; what comes behind one of them is never its value.
_SWITCH = re.compile(
    r"-[alqv]+|--[a-z-]+=.*|--(?:all|full|isolated|no-color|no-legend|no-pager|plain|quiet|system|user|verbose)"
    r"|--disable-pip-version-check",
    re.DOTALL,
)


def _any(_words: Words) -> bool:
    return True


def _known(allowed: Sequence[str], letters: str = "") -> Test:
    """Allow words that are one of these, begin with one that ends in ``*``, or are a cluster of these letters."""
    starts = tuple(word[:-1] for word in allowed if word.endswith("*"))
    cluster = re.compile(rf"-[{letters}]+") if letters else None

    def test(words: Words) -> bool:
        return all(
            word in allowed or (bool(starts) and word.startswith(starts)) or bool(cluster and cluster.fullmatch(word))
            for word in words
        )

    return test


def _only(*allowed: str) -> Test:
    """Allow a program when each of its words is one of these, or begins with one that ends in ``*``."""
    return _known(allowed)


def _options(*allowed: str, letters: str = "", verbs: Sequence[str] = ()) -> Test:
    """Allow a program by its options; with verbs, when one of them comes first, behind options that hold their value.

    Letters in clusters are those whose argument, where they take one, is text or the name of something to read. An
    option with a value of its own before the verb could make the verb that value, so only behind it may one stand.
    """
    known = _known(allowed, letters)

    def test(words: Words) -> bool:
        named = [word for word in words if word.startswith("-") and word not in ("-", "--")]
        if not known(named):
            return False
        if not verbs:
            return True
        at = next((at for at, word in enumerate(words) if not word.startswith("-")), len(words))
        return at < len(words) and words[at] in verbs and all(_SWITCH.fullmatch(word) for word in words[:at])

    return test


def _flags(*allowed: str, behind: Sequence[str] = ()) -> Test:
    """Allow a program when its first word is one of these, and each later option one of those that may stand behind."""
    rest = _options(*behind)
    return lambda words: bool(words) and words[0] in allowed and rest(words[1:])


def _all(*tests: Test) -> Test:
    return lambda words: all(test(words) for test in tests)


def _some(words: Words) -> bool:
    return bool(words)


def _shows(words: Words) -> bool:
    """Allow ip(8) to show an object: no verb, or one that shows; its other verbs have short forms without end."""
    plain = [word for word in words if not word.startswith("-")]
    if any(word.startswith(("-b", "--b", "-force")) for word in words):
        return False
    objects = {"a", "addr", "address", "r", "route", "l", "link", "rule", "n", "neigh"}
    return bool(plain) and plain[0] in objects and (len(plain) == 1 or plain[1] in ("show", "list", "ls", "get"))


def _lists_rules(words: Words) -> bool:
    """Allow nft(8) to list: it reads its words as one text, in which a semicolon begins another command."""
    plain = [word for word in words if not word.startswith("-")]
    return plain[:1] == ["list"] and ";" not in "".join(words) and _NFT(words)


def _one_operand(words: Words) -> bool:
    """Allow uniq(1) one file at most, as it writes the second; behind ``--`` a word with a dash is a file too."""
    return "--" not in words and sum(not word.startswith("-") or word == "-" for word in words) <= 1


def _asks_service(words: Words) -> bool:
    """Allow the state of a service by its plain name: with a path, service(8) runs the file there."""
    return len(words) == 2 and words[1] == "status" and re.fullmatch(r"[A-Za-z0-9_][\w.@-]*", words[0]) is not None


def _asks_openssl(words: Words) -> bool:
    return bool(words) and words[0] in _OPENSSL and _OPENSSL[words[0]](words[1:])


def _finds(words: Words) -> bool:
    """Allow find(1) the tests and the printing actions; ``-mtime -1`` or ``-perm -u+s`` are values."""
    value = re.compile(r"-(?:\d\w*|/?[ugoa]+[=+][rwxst]+)")
    return _FIND([word for word in words if not value.fullmatch(word)])


_NFT = _options(*("--handle", "--json", "--numeric", "--stateless", "--terse", "--service"), letters="ajnstyS")
_FIND = _options(
    *("-H", "-L", "-P", "-O*", "-a", "-amin", "-and", "-anewer", "-atime", "-cmin", "-cnewer", "-ctime", "-daystart"),
    *("-depth", "-empty", "-executable", "-false", "-follow", "-fstype", "-gid", "-group", "-ignore_readdir_race"),
    *("-ilname", "-iname", "-inum", "-ipath", "-iregex", "-links", "-lname", "-ls", "-maxdepth", "-mindepth"),
    *("-mmin", "-mount", "-mtime", "-name", "-newer*", "-nogroup", "-noleaf", "-not", "-nouser", "-o", "-or", "-path"),
    *("-perm", "-print", "-print0", "-printf", "-prune", "-quit", "-readable", "-regex", "-regextype", "-samefile"),
    *("-size", "-true", "-type", "-uid", "-user", "-wholename", "-writable", "-xdev", "-xtype"),
)
_TRUST = ("-CAfile", "-CApath", "-no-CAfile", "-no-CApath", "-nameopt")
_OPENSSL: dict[str, Test] = {
    "crl": _options(
        *("-in", "-inform", "-noout", "-text", "-issuer", "-lastupdate", "-nextupdate", "-crlnumber", "-hash"),
        *("-fingerprint", *_TRUST),
    ),
    "verify": _options(
        *("-untrusted", "-trusted", "-purpose", "-verbose", "-show_chain", "-crl_check", "-crl_check_all", "-CRLfile"),
        *("-partial_chain", "-attime", "-x509_strict", "-no_check_time", "-verify_hostname", "-verify_ip", *_TRUST),
    ),
    "version": _options(letters="abdefoprv"),
    "x509": _options(
        *("-in", "-inform", "-noout", "-text", "-subject", "-issuer", "-dates", "-startdate", "-enddate", "-serial"),
        *("-fingerprint", "-sha1", "-sha256", "-sha384", "-sha512", "-md5", "-pubkey", "-hash", "-subject_hash"),
        *("-issuer_hash", "-modulus", "-email", "-purpose", "-ext", "-certopt", "-dateopt", "-checkend", "-checkhost"),
        *("-checkip", "-checkemail", "-ocsp_uri", "-alias", *_TRUST),
    ),
}
_LISTS_FILTER = _all(
    lambda words: any(re.fullmatch(r"-[46nvx]*[LS]|--list|--list-rules", word) for word in words),
    _options(
        *("--list", "--list-rules", "--numeric", "--verbose", "--exact", "--line-numbers", "--table*", "--wait*"),
        *("-t*", "-w*"),
        letters="46nvxLS",
    ),
)
_APT = ("--installed", "--upgradable", "--upgradeable", "--manual-installed", "--all-versions", "--quiet", "--verbose")
_CONTAINERS = _options(
    *("--all", "--digests", "--filter*", "--format*", "--no-trunc", "--quiet", "--size", "--type*", "-f", "-n"),
    letters="aqs",
    verbs=("inspect", "ps", "version", "info", "images"),
)
# Whatever asks an index keeps the answer in a cache, so nothing that is outdated is asked for.
_PIP = _options(
    *("--all", "--disable-pip-version-check", "--editable", "--exclude*", "--files", "--format*", "--isolated"),
    *("--local", "--no-color", "--no-index", "--not-required", "--pre", "--quiet", "--user", "--verbose"),
    letters="efqv",
    verbs=("list", "show", "freeze", "check"),
)
_TIMES = _options(
    *("--all", "--no-pager", "--property=*", "--value", "-p*"),
    letters="a",
    verbs=("show", "status", "timesync-status", "show-timesync"),
)

# Program -> whether its arguments leave it a reader.
PROGRAMS: dict[str, Test] = {
    **dict.fromkeys(
        (
            *("[", "[[", "arch", "basename", "cat", "cd", "cksum", "cmp", "cut", "df", "diff", "dirname", "dpkg-query"),
            *("du", "echo", "egrep", "exit", "false", "fgrep", "findmnt", "free", "getcap", "getent", "getenforce"),
            *("getfacl", "grep", "head", "id", "last", "ls", "lsattr", "lsb_release", "lsblk", "lscpu", "lsmod"),
            *("md5sum", "namei", "netstat", "nproc", "pgrep", "printf", "ps", "pwd", "readlink", "realpath"),
            *("sestatus", "sha1sum", "sha256sum", "sha512sum", "stat", "tail", "test", "tr", "true", "type", "uname"),
            *("uptime", "wc", "which", "whoami", "zcat", "zgrep"),
        ),
        _any,
    ),
    "apt": _options(*_APT, letters="aqv", verbs=("list", "show", "policy")),
    "apt-cache": _options(*_APT, letters="aqn", verbs=("policy", "show", "madison")),
    "apt-mark": _options(verbs=("showhold", "showauto", "showmanual")),
    "command": _flags("-v", "-V"),
    # Without a word it reads a new table from its input.
    "crontab": _all(_some, _only("-l")),
    "date": _only("+*", "-u", "--utc", "-d*", "--date=*", "-r*", "--reference=*", "-I*", "-R"),
    "dmesg": _options(
        *("--ctime", "--decode", "--facility*", "--human", "--json", "--kernel", "--level*", "--nopager", "--notime"),
        *("--raw", "--reltime", "--since*", "--time-format*", "--until*", "--userspace", "--color=never", "-f*", "-l*"),
        letters="HJPTdehkrtuxV",
    ),
    "docker": _CONTAINERS,
    "dpkg": _flags("-l", "-s", "-L", "-S", "-V", "--list", "--status", "--verify", "--print-architecture"),
    "find": _finds,
    "hostname": _only("-f", "-s", "-d", "-i", "-I", "-A", "-y", "--fqdn", "--short", "--domain", "--long"),
    "ip": _shows,
    "ip6tables": _LISTS_FILTER,
    "iptables": _LISTS_FILTER,
    "journalctl": _options(
        *("--all", "--boot*", "--case-sensitive*", "--catalog", "--directory*", "--disk-usage", "--dmesg"),
        *("--facility*", "--field=*", "--fields", "--file=*", "--grep*", "--header", "--identifier*", "--lines*"),
        *("--list-boots", "--merge", "--no-full", "--no-hostname", "--no-pager", "--no-tail", "--output*"),
        *("--priority*", "--quiet", "--reverse", "--since*", "--system", "--unit*", "--until*", "--user"),
        *("--user-unit*", "--utc", "--verify", "--version"),
        # No short option of it writes; one with a value may have it attached.
        *("-D*", "-F*", "-S*", "-U*", "-b*", "-g*", "-n*", "-o*", "-p*", "-t*", "-u*"),
        letters="NaeklmqrxbnopuSUt",
    ),
    "lastlog": _options("--before*", "--time*", "--user=*", "--user", letters="but"),
    # -D keeps a cache of devices in a file.
    "lsof": lambda words: not any(re.match(r"-[A-Za-hj-rt-z0-9]*D", word) for word in words),
    "mount": lambda words: not words,
    "nft": _lists_rules,
    "openssl": _asks_openssl,
    "pip": _PIP,
    "pip3": _PIP,
    "podman": _CONTAINERS,
    "rpm": _flags(
        *("-q", "-qa", "-qi", "-ql", "-qf", "--query"),
        behind=(
            *("--all", "--changelog", "--file", "--info", "--last", "--list", "--nodigest", "--nosignature"),
            *("--provides", "--qf*", "--queryformat*", "--quiet", "--requires", "--scripts", "--whatprovides"),
            *("-a", "-c", "-d", "-f", "-i", "-l", "-p"),
        ),
    ),
    "service": _asks_service,
    "sort": _options(
        *("--check*", "--field-separator=*", "--human-numeric-sort", "--ignore-case", "--key=*", "--numeric-sort"),
        *("--reverse", "--stable", "--unique", "--version-sort", "--zero-terminated", "-t*", "-k*"),
        letters="MRVbcdfghiknrsuz0123456789,.",
    ),
    "ss": _options(
        *("--all", "--dccp", "--extended", "--family=*", "--info", "--ipv4", "--ipv6", "--listening", "--memory"),
        *("--no-header", "--numeric", "--oneline", "--options", "--packet", "--processes", "--query=*", "--raw"),
        *("--resolve", "--sctp", "--summary", "--tcp", "--udp", "--unix", "--version", "--vsock"),
        letters="046AHOQSVZabdefilmnoprstuwxz",
    ),
    "sshd": _flags("-T", "-t", "-V", behind=("-C", "-T", "-f", "-q", "-t")),
    "sysctl": _all(
        _options("--all", "--binary", "--ignore", "--names", "--quiet", "--values", letters="AabeNnq"),
        lambda words: not any("=" in word for word in words),
    ),
    "systemctl": _options(
        *("--after", "--all", "--before", "--failed", "--full", "--legend=*", "--lines=*", "--no-legend", "--no-pager"),
        *("--output=*", "--plain"),
        *("--property=*", "--property", "--quiet", "--reverse", "--state=*", "--state", "--system", "--type=*"),
        *("--type", "--user", "--value", "-P*", "-p*", "-t*", "-o*", "-n*"),
        letters="alq",
        verbs=(
            *("cat", "get-default", "is-active", "is-enabled", "is-failed", "is-system-running", "list-dependencies"),
            *("list-jobs", "list-sockets", "list-timers", "list-unit-files", "list-units", "show", "status"),
        ),
    ),
    "timedatectl": lambda words: not words or _TIMES(words),
    "uniq": _one_operand,
}
