# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a command for a sudoers file so that exactly this command is allowed.

sudo compares arguments by pattern, so every sign of a pattern is escaped, as are the signs that end a command in the
grammar: comma, colon, equals sign, hash and blank (sudoers(5), "Wildcards" and "Other special characters"). A
backslash is taken off twice, by the grammar and by the pattern.

And it compares them joined by blanks, as one text: whoever calls sudo chooses where an argument with a blank in it is
cut. What was the pattern of a search can so become a pattern that matches all and the name of a file to read. Only
what follows the program's own arguments, the last one, may hold blanks; there is nothing behind it to be turned round.

PRIVATE to the collection: it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ansible_collections.ccobservatory.ops.plugins.module_utils._errors import OpsError

__all__ = ["sudo_rule"]

_SPECIAL = re.compile(r"([ ,:=#*?\[\]!])")


def sudo_rule(argv: Sequence[str]) -> str:
    """Return the command with its arguments as sudoers wants it.

    Without arguments the rule ends with ``""``, which allows none. Raises `OpsError` for a command that is no absolute
    path, for a tab or a line break, and for a blank that the caller could cut at.
    """
    if not argv or not argv[0].startswith("/"):
        raise OpsError(f"{argv!r} does not begin with an absolute path; sudo would look for it.")
    if any("\n" in word or "\t" in word for word in argv):
        raise OpsError(f"{argv[0]}: an argument holds a tab or a line break, which a sudoers file cannot.")
    if any(" " in word or not word for word in argv[:-1]) or "  " in argv[-1]:
        raise OpsError(f"{argv[0]}: an argument before the last holds a blank, at which a caller of sudo could cut it.")
    rule = [_SPECIAL.sub(r"\\\1", word.replace("\\", "\\" * 4)) for word in argv]
    return " ".join([*rule, *(['""'] if len(rule) == 1 else [])])
