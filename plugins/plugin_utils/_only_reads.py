# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which commands of a user's test may be sent to a host: those that only read.

testinfra's modules ask in shell; so a command is taken apart into simple commands, and each has to be a program on the
list, with arguments that leave it a reader. What cannot be taken apart, or what the host's shell (POSIX sh) could read
in another way than this, is refused.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import hashlib
import re
import shlex

from ansible_collections.ccobservatory.ops.plugins.plugin_utils._host_fact import KIB, HostFact
from ansible_collections.ccobservatory.ops.plugins.plugin_utils._reading_programs import PROGRAMS

__all__ = ["fact_of", "refusal"]

_DEADLINE_S = 20
_CAP = 1024 * KIB

_SEPARATORS = frozenset({"&&", "||", ";", "|", "(", ")"})
# These are signs where a command begins, and words elsewhere.
_BEGINNERS = frozenset({"!", "{", "}"})
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\(|`|<\(|>\(")
# The status of the command before is a number; whatever else is put in may be empty, or an option.
_PUT_IN = re.compile(r"\$(?![?\s\"|;)&/]|$)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]|\\\n")
_COMMENT = re.compile(r"(?:^|[\s;&|()<>])#")
_PATTERN = re.compile(r"(?:^|[\s;&|()])(?:[*?]|\[[^\s\[])")
# Not in POSIX, but on hosts whose sh is bash.
_BRACES = re.compile(r"\{(?![\s}]|$)")
_STREAM = re.compile(r"(?<![^\s;&|()])[12](?=>)")
_PIECE = re.compile(rf"({_QUOTED.pattern})|([\s;&|()<>])|.", re.DOTALL)
_PLACES = ("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")
_PYTHON_LOCALE = "import locale;print(locale.getpreferredencoding())"


def fact_of(command: str) -> HostFact:
    """Return the question that a command of a test is; it is named after its text."""
    name = "run:" + hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return HostFact(name, command, argv=("/bin/sh", "-c", command), deadline_s=_DEADLINE_S, cap=_CAP)


def refusal(command: str) -> str | None:
    """Return why a command of a test is not sent to a host, in a few words; None for one that only reads."""
    why = _unreadable(command)
    if why:
        return why
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


def _unreadable(command: str) -> str | None:
    """Return why a command is not taken apart: what the shell would make of it first cannot be seen in its text."""
    bare, outside = _unquoted(command), _QUOTED.sub("''", command)
    found = {
        "it holds a control character, or a line that goes on in the next": _CONTROL.search(command),
        "it runs a command inside of it": _SUBSTITUTION.search(bare),
        "it puts a variable in": _PUT_IN.search(re.sub(r"\\.", "", bare)) or _PUT_IN.search(outside),
        "it holds a comment": _COMMENT.search(outside),
        "it begins a word with a pattern, which a file name could make an option of": _PATTERN.search(outside),
        "it makes words of braces": _BRACES.search(outside),
        "it quotes a sign of the shell": _quotes_a_sign(command),
    }
    return next((why for why, there in found.items() if there), None)


def _quotes_a_sign(command: str) -> bool:
    """Return whether a word in quotes would look like a sign of the shell once its quotes are gone."""
    quoted: list[str] | None = []
    for found in _PIECE.finditer(f"{command} "):
        if found[2]:
            if quoted and set("".join(quoted)) <= set("();<>|&!{}"):
                return any(quoted)
            quoted = []
        elif found[1] and quoted is not None:
            quoted.append(found[0][1:] if found[0].startswith("\\") else found[0][1:-1])
        else:
            quoted = None
    return False


def _unquoted(command: str) -> str:
    """Return a command without what stands in single quotes, where the shell expands nothing.

    An apostrophe in double quotes, or behind a backslash, opens none.
    """
    return _QUOTED.sub(lambda found: "''" if found[0].startswith("'") else found[0], command)


def _simple_commands(command: str) -> list[list[str]]:
    # Output goes to nowhere or to the other stream, whichever of the two it was.
    command = _STREAM.sub("", command)
    lexer = shlex.shlex(command.replace("\n", " ; "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[list[str]] = [[]]
    words = iter(lexer)
    for word in words:
        if word in _SEPARATORS or (word in _BEGINNERS and not found[-1]):
            found.append([])
        elif word in (">", ">>", ">&", "&>"):
            _check_redirection(word, next(words, ""))
        elif word == "<":
            next(words, "")
        elif word and set(word) <= set("();<>|&"):
            raise ValueError(f"it uses {word}")
        else:
            found[-1].append(word)
    return [words for words in found if words]


def _check_redirection(sign: str, target: str) -> None:
    """Let output go to nowhere or to the other stream, and nowhere else."""
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
    reader = PROGRAMS.get(program)
    if reader is None:
        return f"{program} is not on the list of programs that only read"
    return None if reader(rest) else f"{program} {' '.join(rest)[:60]} may change something"
