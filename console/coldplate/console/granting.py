"""Rights in Kafka as a person gives them: commands of Kafka's own tool, and rows for programs."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.wire.rights import Right, Role, user_of

TOOL = "kafka-acls.sh --bootstrap-server BROKER:9093 --command-config admin.properties"
"""BROKER and the file are the administrator's to fill in."""


def chosen(roles: Mapping[str, Role], role: str | None, user: str | None) -> dict[str, Role]:
    """Roles by the user's name.

    Parameters
    ----------
    role, user
        One of them, and how its user is called; None for all, and for the usual name.

    Raises
    ------
    Failure
        No role is called so, or a user is named for all of them.
    """
    if role is None:
        if user is not None:
            raise Failure("--user names the user of one role: give --role too", BAD_INPUT)
        return {user_of(name): found for name, found in roles.items()}
    if role not in roles:
        raise Failure(f"no role is called {role!r}; there are {', '.join(roles)}", BAD_INPUT)
    return {user or user_of(role): roles[role]}


def as_commands(found: Mapping[str, Role]) -> Iterator[str]:
    """One a right, under a comment that says what the role does."""
    for user, role in found.items():
        yield f"# {role.name}: {role.does}"
        for right in role.rights:
            yield f"{TOOL} --add --allow-principal {shlex.quote(f'User:{user}')} {_words(right)}"


def as_rows(found: Mapping[str, Role]) -> list[dict[str, Any]]:
    """As `--json` shows them."""
    return [
        {
            "role": role.name, "user": user, "does": role.does,
            "rights": [
                {
                    "resource": r.resource, "name": r.name, "operations": list(r.operations),
                    "pattern": "prefixed" if r.prefixed else "literal",
                }
                for r in role.rights
            ],
        }
        for user, role in found.items()
    ]  # fmt: skip


def _words(right: Right) -> str:
    operations = " ".join(f"--operation {operation}" for operation in right.operations)
    pattern = " --resource-pattern-type prefixed" if right.prefixed else ""
    return f"{operations} --{right.resource} {shlex.quote(right.name)}{pattern}"
