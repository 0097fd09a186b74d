# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands of a user's test may be sent to a host: those that only read.

testinfra's modules ask in shell; so a command is taken apart into simple commands, and each has to be a program on the
list, with arguments that leave it a reader. What cannot be taken apart is refused.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Sequence

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact

__all__ = ["fact_of", "refusal"]

Words = Sequence[str]

_DEADLINE_S = 20
_CAP = 1024 * KIB

_SEPARATORS = frozenset({"&&", "||", ";", "|", "(", ")", "!", "{", "}"})
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(|`|<\(|>\(|\$\{[^}]*[:=]")


def _any(_words: Words) -> bool:
    return True


def _without(*flags: str) -> Callable[[Words], bool]:
    """Allow a program unless it has one of these words, or one that begins with what stands before a ``*``."""
    exact = {flag for flag in flags if not flag.endswith("*")}
    starts = tuple(flag[:-1] for flag in flags if flag.endswith("*"))
    return lambda words: not any(word in exact or (bool(starts) and word.startswith(starts)) for word in words)


def _no_letter(letters: str) -> Callable[[Words], bool]:
    """Allow a program unless one of these letters is among its short options, alone or in a cluster such as ``-uo``."""
    found = re.compile(rf"-[A-Za-z0-9]*[{letters}]")
    return lambda words: not any(found.match(word) for word in words)


def _first(*verbs: str) -> Callable[[Words], bool]:
    """Allow a program when its first word that is no option is one of these."""
    return lambda words: next((word for word in words if not word.startswith("-")), "") in verbs


def _flags(*allowed: str) -> Callable[[Words], bool]:
    """Allow a program when its first word is one of these."""
    return lambda words: bool(words) and words[0] in allowed


def _only(*allowed: str) -> Callable[[Words], bool]:
    """Allow a program when each of its words is one of these, or begins with one that ends in ``*``."""
    starts = tuple(word[:-1] for word in allowed if word.endswith("*"))
    return lambda words: all(word in allowed or (bool(starts) and word.startswith(starts)) for word in words)


def _all(*tests: Callable[[Words], bool]) -> Callable[[Words], bool]:
    return lambda words: all(test(words) for test in tests)


def _shows(words: Words) -> bool:
    """Allow ip(8) to show an object: no verb, or one that shows; its other verbs have short forms without end."""
    plain = [word for word in words if not word.startswith("-")]
    if any(word.startswith(("-b", "--b", "-force")) for word in words):
        return False
    objects = {"a", "addr", "address", "r", "route", "l", "link", "rule", "n", "neigh"}
    return bool(plain) and plain[0] in objects and (len(plain) == 1 or plain[1] in ("show", "list", "ls", "get"))


_LISTS_FILTER = _all(
    lambda words: bool({"-L", "-S", "--list", "--list-rules"} & set(words)),
    _without("-A*", "-D*", "-I*", "-R*", "-F*", "-Z*", "-N*", "-X*", "-P*", "-E*", "--a*", "--del*", "--in*", "--z*"),
)
_NO_OUTPUT = _without("-out*", "-o*", "--output*")

# Program -> whether its arguments leave it a reader.
_PROGRAMS: dict[str, Callable[[Words], bool]] = {
    **dict.fromkeys(
        (
            *("[", "[[", "arch", "basename", "cat", "cd", "cksum", "cmp", "cut", "df", "diff", "dirname", "dpkg-query"),
            *("du", "echo", "egrep", "exit", "false", "fgrep", "findmnt", "free", "getcap", "getent", "getenforce"),
            *("getfacl", "grep", "head", "id", "last", "lastlog", "ls", "lsattr", "lsb_release", "lsblk", "lscpu"),
            *("lsmod", "lsof", "md5sum", "namei", "netstat", "nproc", "pgrep", "printf", "ps", "pwd", "readlink"),
            *("realpath", "sestatus", "sha1sum", "sha256sum", "sha512sum", "stat", "tail", "test", "tr", "true"),
            *("type", "uname", "uptime", "wc", "which", "whoami", "zcat", "zgrep"),
        ),
        _any,
    ),
    "apt": _all(_first("list", "show", "policy"), _without("-o*", "-c*", "--option*", "--config*")),
    "apt-cache": _all(_first("policy", "show", "madison"), _without("-o*", "-c*", "--option*", "--config*")),
    "apt-mark": _first("showhold", "showauto", "showmanual"),
    "command": _flags("-v", "-V"),
    "crontab": _only("-l"),
    "date": _only("+*", "-u", "--utc", "-d*", "--date=*", "-r*", "--reference=*", "-I*", "-R"),
    "dmesg": _all(_no_letter("cCDEn"), _without("--c*", "--read*")),
    "docker": _first("inspect", "ps", "version", "info", "images"),
    "dpkg": _flags("-l", "-s", "-L", "-S", "-V", "--list", "--status", "--verify", "--print-architecture"),
    "find": _without("-exec*", "-ok*", "-delete", "-fprint*", "-fls"),
    "hostname": _only("-f", "-s", "-d", "-i", "-I", "-A", "-y", "--fqdn", "--short", "--domain", "--long"),
    "ip": _shows,
    "ip6tables": _LISTS_FILTER,
    "iptables": _LISTS_FILTER,
    "journalctl": _without(
        "--vacuum*", "--rot*", "--fl*", "--sync*", "--setup*", "--update*", "--cursor-f*", "--relin*", "--smart*"
    ),
    "mount": lambda words: not words,
    "nft": lambda words: (
        [word for word in words if not word.startswith("-")][:1] == ["list"]
        and ";" not in "".join(words)
        and _no_letter("fi")(words)
        and not any(word.startswith(("--f", "--i", "--def")) for word in words)
    ),
    "openssl": _all(_first("x509", "version", "verify", "crl"), _NO_OUTPUT),
    "pip": _all(_first("list", "show", "freeze", "check"), _without("--log*")),
    "pip3": _all(_first("list", "show", "freeze", "check"), _without("--log*")),
    "podman": _first("inspect", "ps", "version", "info", "images"),
    "rpm": _all(
        _flags("-q", "-qa", "-qi", "-ql", "-qf", "--query"), _without("--pipe*", "--ev*", "-E*", "--de*", "-D*")
    ),
    "service": lambda words: len(words) == 2 and words[1] == "status",
    "sort": _all(_no_letter("oST"), _without("--o*", "--c*", "--t*")),
    "ss": _all(_no_letter("K"), _without("--k*")),
    "sshd": _flags("-T", "-t", "-V"),
    "sysctl": lambda words: (
        not any("=" in word or (word.startswith("-") and re.search("[wpf]|system|load|write", word)) for word in words)
    ),
    "systemctl": _first(
        *("cat", "get-default", "is-active", "is-enabled", "is-failed", "is-system-running", "list-dependencies"),
        *("list-jobs", "list-sockets", "list-timers", "list-unit-files", "list-units", "show", "status"),
    ),
    "timedatectl": _first("show", "status", "timesync-status", "show-timesync", ""),
    "uniq": lambda words: sum(not word.startswith("-") for word in words) <= 1,
}
_PLACES = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
_PYTHON_LOCALE = "import locale;print(locale.getpreferredencoding())"


def fact_of(command: str) -> HostFact:
    """Return the question that a command of a test is; it is named after its text."""
    name = "run:" + hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return HostFact(name, command, argv=("/bin/sh", "-c", command), deadline_s=_DEADLINE_S, cap=_CAP)


def refusal(command: str) -> str | None:
    """Return why a command of a test is not sent to a host, in a few words; None for one that only reads."""
    if _SUBSTITUTION.search(_unquoted(command)):
        return "it runs a command inside of it"
    try:
        parts = _simple_commands(command)
    except ValueError as exc:
        return f"its quotes do not close ({exc})" if "quot" in str(exc).lower() else str(exc)
    if not parts:
        return "it is empty"
    for words in parts:
        why = _why_not(words)
        if why:
            return why
    return None


def _unquoted(command: str) -> str:
    """Return a command without what stands in single quotes, where the shell expands nothing.

    An apostrophe in double quotes, or behind a backslash, opens none.
    """
    return _QUOTED.sub(lambda found: "''" if found[0].startswith("'") else found[0], command)


def _simple_commands(command: str) -> list[list[str]]:
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if word in _SEPARATORS:
            found.append([])
        elif word in (">", ">>", ">&", "&>"):
            _check_redirection(found[-1], word, next(words, ""))
        elif word == "<":
            next(words, "")
        elif set(word) <= set("();<>|&"):
            raise ValueError(f"it uses {word}")
        else:
            found[-1].append(word)
    return [words for words in found if words]


def _check_redirection(words: list[str], sign: str, target: str) -> None:
    """Let output go to nowhere or to the other stream, and nowhere else."""
    if words and words[-1] in ("1", "2"):
        words.pop()
    if target != "/dev/null" and not (sign == ">&" and target in ("1", "2")):
        raise ValueError(f"it writes to {target or 'nothing'}")


def _why_not(words: list[str]) -> str | None:
    while words and re.fullmatch(r"(?:LC_ALL|LANG|LANGUAGE|TZ)=\S*", words[0]):
        words = words[1:]
    if not words:
        return None
    place, _slash, program = words[0].rpartition("/")
    if place and f"{place}/" not in _PLACES:
        return f"{words[0]} does not lie where the system keeps its programs"
    rest = words[1:]
    if program in ("if", "then", "else", "elif", "fi", "do", "done", "while", "for"):
        return "it is a script"
    if program in ("python", "python3") and rest == ["-c", _PYTHON_LOCALE]:
        return None
    reader = _PROGRAMS.get(program)
    if reader is None:
        return f"{program} is not on the list of programs that only read"
    return None if reader(rest) else f"{program} {' '.join(rest)[:60]} may change something"
