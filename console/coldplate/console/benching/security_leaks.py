"""Where secrets may not be found: what programs print and log, what others see of their processes, errors and reprs."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from coldplate.console.benching.security_case import Outputs
from coldplate.console.benching.security_world import World


def secrets_of(world: World) -> Mapping[str, str]:
    """Everything that nobody may read, by what it is."""
    keys = {f"key of {name}": _body(c.key) for name, c in world.certificates.items()}
    return {**{f"password of {user}": text for user, text in world.passwords.items()}, **keys}


def look_at_processes(outputs: Outputs, pids: Iterable[int]) -> int:
    """Keep what everybody (command line) and their own user (environment) may read of processes; how many there were."""
    seen = 0
    for pid in pids:
        for process in _family(pid):
            for what in ("cmdline", "environ"):
                try:
                    text = Path(f"/proc/{process}/{what}").read_bytes()
                except OSError:
                    continue  # it has ended
                outputs.add(f"{what} of {pid}", text.replace(b"\0", b" ").decode(errors="replace"))
            seen += 1
    return seen


def leaks(outputs: Outputs, secrets: Mapping[str, str]) -> list[str]:
    """Which secret was found where."""
    return sorted(
        f"{what} in {where}"
        for what, secret in secrets.items()
        for where, text in outputs.texts.items()
        if secret in text
    )


def _body(key: Path) -> str:
    """A line of it that no other key has."""
    return max(key.read_text("utf-8").splitlines(), key=len)


def _family(pid: int) -> list[int]:
    try:
        return [pid, *(p.pid for p in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []
