"""The certificate that the local HTTP server of an agent or part shows, and whose certificates it asks for."""

MEANINGS = {
    "cert_file": "certificate chain (PEM); with it `/metrics`, `/healthz` and `/readyz` are offered over TLS alone; read again when it changes; empty: without TLS",
    "key_file": "its private key (PEM); empty: it stands in the certificate's file",
    "client_ca_file": "authorities (PEM) of those who may read `/metrics`; they show a certificate. `/healthz` and `/readyz` are for probes, which have none; empty: everybody",
}


def check_named(cert_file: str, key_file: str, client_ca_file: str) -> None:
    """Whether these go together; nothing is read.

    Raises
    ------
    ValueError
        Saying which is missing.
    """
    if not cert_file and (key_file or client_ca_file):
        named = "key_file" if key_file else "client_ca_file"
        raise ValueError(
            f"{named} is set and cert_file is empty: without a certificate there is no TLS"
        )
