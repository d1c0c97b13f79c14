"""Words of others made harmless: names may hold anything, and what is sent is read in terminals, mails and chats."""

import re
import unicodedata

_ESCAPES = re.compile(
    "\x1b\\][^\x07\x1b]*(?:\x07|\x1b\\\\)?|(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[@-_]?"
)
"""What a terminal takes for an order: operating system commands, control sequences, two-character ones."""

ID_MAX = 80


def clean(words: str, longest: int = 300) -> str:
    """One line without control characters, escapes, marks of direction or what is not assigned, cut in its middle.

    Examples
    --------
    >>> clean("rack\\x1b[31m-7\\nnode"), clean("x" * 20, 9)
    ('rack-7 node', 'xxxx…xxxx')
    """  # noqa: D301  doctest's
    # A name of a megabyte is not worth a look at each of its characters.
    bounded = words[: 4 * longest] + words[-longest:] if len(words) > 5 * longest else words
    kept = (_harmless(c) for c in _ESCAPES.sub("", bounded))
    line = " ".join("".join(kept).split())
    if len(line) <= longest:
        return line
    head = longest // 2
    return f"{line[:head]}…{line[len(line) - (longest - head - 1) :]}"


def named(subject: str) -> str:
    """The id of a device, as it may be shown."""
    return clean(subject, ID_MAX) or "something without a name"


def _harmless(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r\v\f" or category[0] == "Z":
        return " "
    return "" if category[0] == "C" else character
