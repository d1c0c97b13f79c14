"""How an agent reaches Kafka."""

from dataclasses import dataclass, field
from typing import Any, Literal

from coldplate.wire.tls import tls_context


@dataclass(frozen=True)
class KafkaSettings:
    """Connection of kafka-python's clients; the password never shows in a repr.

    Parameters
    ----------
    brokers
        `host:port[,host:port]`.
    security_protocol, sasl_mechanism, sasl_user, sasl_password, ca_file, cert_file, key_file
        As in Kafka's clients.
    compression
        Of record batches.
    """

    brokers: str
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_user: str = ""
    sasl_password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    compression: Literal["none", "lz4", "zstd"] = "zstd"

    def client_options(self) -> dict[str, Any]:
        """Keyword arguments that kafka-python's producer, consumer and admin client share.

        Raises
        ------
        OSError
            A certificate's file cannot be read or used; says which.
        """
        out: dict[str, Any] = {
            "bootstrap_servers": [b.strip() for b in self.brokers.split(",")],
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            out["ssl_context"] = tls_context(self.ca_file, self.cert_file, self.key_file)
        if self.security_protocol.startswith("SASL"):
            out |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_user,
                "sasl_plain_password": self.sasl_password,
            }
        return out
