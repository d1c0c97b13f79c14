"""What a command is run with: configuration, state folder, and how to reach the servers.

A server named in the configuration or the environment is used; otherwise that of the local stack which runs in the
state folder; otherwise the command says what to do.
"""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from coldplate.console.failure import BAD_INPUT, NOT_THERE, Failure

if TYPE_CHECKING:
    from coldplate.agents.settings import KafkaSettings
    from coldplate.console.config import Config
    from coldplate.console.stack.servers import Endpoints
    from coldplate.console.stack.state import StateDir
    from coldplate.sinks.settings import ClickHouseSettings
    from coldplate.streams.parameters import Parameters
    from coldplate.wire.inventory import Inventory
    from coldplate.wire.topic import Topics

Role = Literal["owner", "writer", "reader"]


@dataclass
class Context:
    """Global options, and what follows from them.

    Parameters
    ----------
    config_file, state_dir
        None takes the default.
    verbose
        Log at INFO at least.
    """

    config_file: str | None = None
    state_dir: str | None = None
    verbose: bool = False

    def log_to_stderr(self) -> None:
        """Set logging up for a part that runs."""
        from coldplate.console.logs import set_up

        configured = self.config.log
        level = logging.getLevelNamesMapping()[configured.level.upper()]
        set_up(configured.format, min(level, logging.INFO) if self.verbose else level)

    @cached_property
    def config(self) -> "Config":
        """The configuration; read once."""
        from coldplate.console.config import load

        return load(self.config_file)

    @cached_property
    def state(self) -> "StateDir":
        """The state folder of the local stack; nothing is made by naming it."""
        from coldplate.console.stack.state import StateDir

        return StateDir(Path(self.state_dir).expanduser() if self.state_dir else None)

    @cached_property
    def local(self) -> "Endpoints | None":
        """The servers of the local stack, when it runs."""
        from coldplate.console.stack.servers import endpoints_of

        return endpoints_of(self.state)

    @property
    def topics(self) -> "Topics":
        """Names of the topics."""
        from coldplate.wire.topic import Topics

        return Topics(self.config.topic_prefix)

    @cached_property
    def brokers(self) -> str:
        """`host:port[,host:port]`."""
        if self.config.kafka.brokers:
            return self.config.kafka.brokers
        if self.local is not None:
            return self.local.kafka
        raise Failure(
            "no Kafka is named: set COLDPLATE_KAFKA=host:port or kafka.brokers in the configuration,"
            " or start a local one with `coldplate up`",
            NOT_THERE,
        )

    @property
    def kafka(self) -> "KafkaSettings":
        """Connection settings of kafka-python's clients.

        Raises
        ------
        Failure
            No broker is named, or a file of the configuration cannot be used.
        """
        from coldplate.agents.settings import KafkaSettings
        from coldplate.console.config import rotating

        k = self.config.kafka
        settings = KafkaSettings(
            brokers=self.brokers, security_protocol=k.security_protocol, sasl_mechanism=k.sasl_mechanism,
            sasl_user=k.sasl_user, sasl_password=rotating(k.sasl_password_file), ca_file=k.ca_file,
            cert_file=k.cert_file, key_file=k.key_file, compression=k.compression,
        )  # fmt: skip
        try:
            settings.client_options()
        except OSError as error:
            raise Failure(str(error), BAD_INPUT) from None
        return settings

    def clickhouse(self, role: Role) -> "ClickHouseSettings":
        """Connection settings for ClickHouse; the configured URL serves every role."""
        from coldplate.console.config import rotating
        from coldplate.sinks.settings import ClickHouseSettings
        from coldplate.wire.tls import trusting

        configured, password = self.config.clickhouse, ""
        if configured.url:
            url, password = configured.url, rotating(configured.password_file)
        elif self.local is not None:
            url = getattr(self.local, f"clickhouse_{role}")
        else:
            raise Failure(
                "no ClickHouse is named: set COLDPLATE_CLICKHOUSE=clickhouse://user:password@host:port/database"
                " or clickhouse.url in the configuration, or start a local one with `coldplate up`",
                NOT_THERE,
            )
        try:
            settings = ClickHouseSettings.from_url(url)
        except ValueError as error:
            raise Failure(f"clickhouse.url: {error}", BAD_INPUT) from None
        if settings.secure:
            try:
                trusting(settings.ca_file or "", "ca_file of clickhouse.url")
            except OSError as error:
                raise Failure(str(error), BAD_INPUT) from None
        # One in the URL wins over the file.
        return replace(settings, password=settings.password or password)

    def inventory(self, path: str | None = None) -> "Inventory | None":
        """The inventory of an option or of the configuration; None when none is named."""
        from coldplate.wire.inventory import InventoryError, load

        name = path or self.config.inventory
        if not name:
            return None
        try:
            return load(Path(name))
        except InventoryError as error:
            raise Failure(str(error), BAD_INPUT) from None

    def parameters(
        self, path: str | None = None, inventory: "Inventory | None" = None
    ) -> "Parameters":
        """The detectors' parameters of an option or of the configuration; what holds for no device is logged."""
        from coldplate.console.parametering import parameters_of_file

        name = path or self.config.worker.parameters
        return parameters_of_file(Path(name) if name else None, inventory)


pass_context = click.make_pass_decorator(Context)
