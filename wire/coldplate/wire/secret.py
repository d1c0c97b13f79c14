"""A secret in a file, which may be another one tomorrow."""

from pathlib import Path
from typing import Self


class FileSecret(str):
    """A secret that is read anew each time it is encoded: once a login, by Kafka's clients with SCRAM.

    So a password that was changed in its file is used by the next connection, without a restart. While the file cannot
    be read, or is empty, as in the middle of a change, the last one holds.

    Parameters
    ----------
    path
        Of the file, which holds the secret and nothing else but white space around it.

    Raises
    ------
    OSError, UnicodeDecodeError
        The file cannot be read at first.

    Notes
    -----
    A string for whoever takes one, since clients keep what they are given; as such it is the secret of the beginning
    (SASL/PLAIN, which joins it to other text, uses that one). The path is shown instead of it.
    """

    __slots__ = ("_last", "_path")

    def __new__(cls, path: str) -> Self:
        """Read it."""
        return super().__new__(cls, _read(path))

    def __init__(self, path: str) -> None:
        self._path, self._last = path, str.__str__(self)

    def now(self) -> str:
        """As the file has it."""
        try:
            found = _read(self._path)
        except (OSError, UnicodeDecodeError):
            found = ""
        self._last = found or self._last
        return self._last

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """As the file has it."""
        return self.now().encode(encoding, errors)

    def __repr__(self) -> str:
        return f"FileSecret({self._path!r})"


def now(secret: str) -> str:
    """A secret as it is now, whether it lies in a file or was given."""
    return secret.now() if isinstance(secret, FileSecret) else secret


def _read(path: str) -> str:
    return Path(path).read_text("utf-8").strip()
