"""Secrets that lie in files: read again when the file changes, so that a key is changed without a restart.

Neither a repr nor an error holds what a file holds.
"""

from dataclasses import dataclass, field
from pathlib import Path

BYTES_MAX = 65_536
"""A larger file is no secret but a slip."""


class SecretError(OSError):
    """A secret cannot be read, and none was read before; the message names the file and what to do."""


@dataclass(slots=True)
class Secret:
    """What a file holds, without the white space around it.

    Parameters
    ----------
    path
        The file; a link to one that is put in its place anew is followed each time.

    Notes
    -----
    A look costs one `stat`. While a file that was read is away or empty, as when somebody writes it anew, what it held
    last is used: an alert is better signed with yesterday's key than not sent.
    """

    path: Path
    _seen: tuple[int, int, int] | None = field(default=None, repr=False)
    _value: str = field(default="", repr=False)

    @property
    def value(self) -> str:
        """What it holds now.

        Raises
        ------
        SecretError
        """
        try:
            about = self.path.stat()
            seen = (about.st_mtime_ns, about.st_size, about.st_ino)
            if seen != self._seen:
                if (value := _read(self.path)) or not self._value:
                    self._value = value
                self._seen = seen
        except (OSError, ValueError) as error:
            if not self._value:
                said = getattr(error, "strerror", None) or str(error)
                raise SecretError(f"{self.path}: {said}; write the secret there") from None
        if not self._value:
            raise SecretError(f"{self.path}: is empty; write the secret there")
        return self._value


def secret_in(base: Path, file: str) -> Secret:
    """The secret in a file as a configuration names it: relative to the folder `base`, or from the root, or from `~`."""
    return Secret(base / Path(file).expanduser())


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(BYTES_MAX + 1)
    if len(data) > BYTES_MAX:
        raise ValueError(f"has more than {BYTES_MAX} bytes")
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        # The decoder's own words hold bytes of it.
        raise ValueError("is no text (UTF-8)") from None
