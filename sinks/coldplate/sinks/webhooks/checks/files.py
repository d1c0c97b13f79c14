"""Files that a configuration names: secrets, certificates, programs."""

import os
import shutil
import stat
from pathlib import Path

from coldplate.sinks.webhooks.checks.faults import Faults
from coldplate.sinks.webhooks.secrets import SecretError, secret_in

CERTIFICATE = "-----BEGIN CERTIFICATE-----"


def secret_text(base: Path, file: str, what: str, faults: Faults, *at: str | int) -> str:
    """What a secret's file holds; "" with a fault when nothing can be had from it."""
    if not file:
        faults.fault(f"{what} is empty; name the file that holds the secret", *at)
        return ""
    secret = secret_in(base, file)
    try:
        text = secret.value
        mode = secret.path.stat().st_mode
    except SecretError as error:
        faults.fault(f"{what}: {error}", *at)
        return ""
    if mode & stat.S_IROTH:
        faults.warn(f"{what}: everybody on this machine can read {secret.path}; chmod 600 it", *at)
    return text


def check_certificates(base: Path, file: str, faults: Faults, *at: str | int) -> None:
    """A file of certificates, when one is named."""
    if not file:
        return
    try:
        sound = CERTIFICATE in secret_in(base, file).value
    except SecretError as error:
        faults.fault(f"ca_file: {error}", *at)
        return
    if not sound:
        faults.fault(
            f"ca_file: {file} holds no certificate; give one in PEM, which begins with {CERTIFICATE}", *at
        )  # fmt: skip


def program_fault(command: tuple[str, ...]) -> str:
    """Why a command cannot be run and what to do; "" when it can."""
    if not command or not command[0]:
        return 'is empty; give the program and its arguments, as in ["/opt/bin/drain", "--now"]'
    program = command[0]
    if "/" not in program:
        found = shutil.which(program)
        return "" if found else f"{program!r} is not on the PATH; give its whole path"
    path = Path(program)
    if not path.is_absolute():
        return f"{program!r} depends on where the alerter is started; give its whole path"
    if not path.is_file():
        return f"{program!r} is not there; give the program's whole path"
    return "" if os.access(path, os.X_OK) else f"{program!r} may not be run; chmod +x it"
