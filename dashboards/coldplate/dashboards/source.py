"""Grafana's ClickHouse data source: what it must be, and whether one is that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coldplate.dashboards.query import PLUGIN

SOURCE_UID = "coldplate"


@dataclass(frozen=True, slots=True)
class Source:
    """How Grafana is to reach the history.

    Parameters
    ----------
    name, uid
        Of the data source in Grafana.
    host, port, database, user, password
        Of ClickHouse's native protocol, as Grafana sees it.
    secure
        TLS.
    """

    name: str
    host: str
    port: int
    database: str
    user: str
    password: str = field(default="", repr=False)
    secure: bool = False
    uid: str = SOURCE_UID

    def options(self) -> dict[str, Any]:
        """Its `jsonData`: all but the password."""
        return {
            "host": self.host, "port": self.port, "protocol": "native", "secure": self.secure,
            "username": self.user, "defaultDatabase": self.database,
        }  # fmt: skip

    def body(self, there: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """To be written; what others set on the one that is there stays.

        Parameters
        ----------
        there
            As Grafana told it; None to make a new one.
        """
        kept = dict(there or {})
        secrets = {"secureJsonData": {"password": self.password}} if self.password else {}
        of_there = {"version": kept["version"]} if "version" in kept else {}
        return {
            "uid": self.uid, "name": self.name, "type": PLUGIN, "access": "proxy",
            "isDefault": bool(kept.get("isDefault", False)),
            "jsonData": {**(kept.get("jsonData") or {}), **self.options()}, **secrets, **of_there,
        }  # fmt: skip

    def is_met(self, there: Mapping[str, Any]) -> bool:
        """Whether a data source needs no writing. A password cannot be read back: there must be one where we have one.

        Parameters
        ----------
        there
            As Grafana told it.
        """
        options = there.get("jsonData") or {}
        has_password = bool((there.get("secureJsonFields") or {}).get("password"))
        return (
            there.get("name") == self.name
            and all(options.get(key) == value for key, value in self.options().items())
            and (has_password or not self.password)
        )
