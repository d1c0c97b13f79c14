"""How a worker's settings read as connection options of Kafka's clients."""

import ssl
from typing import Any

from coldplate.streams.settings import WorkerSettings
from coldplate.wire.tls import tls_context


def client_options(settings: WorkerSettings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients, brokers included."""
    out: dict[str, Any] = {
        "bootstrap_servers": settings.brokers,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        out["ssl_context"] = tls(settings)
    if settings.security_protocol.startswith("SASL"):
        out |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_user,
            "sasl_plain_password": settings.sasl_password,
        }
    return out


def tls(settings: WorkerSettings) -> ssl.SSLContext:
    """Whom we trust, and who we are."""
    return tls_context(settings.ca_file or "", settings.cert_file or "", settings.key_file or "")
