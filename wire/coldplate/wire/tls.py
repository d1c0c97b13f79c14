"""Certificates: what is trusted and shown, and what is wrong with one, in words for a person."""

import ssl


def tls_context(
    ca_file: str, cert_file: str = "", key_file: str = "", section: str = "kafka"
) -> ssl.SSLContext:
    """Whom to trust, and who we are; names and dates of certificates are checked.

    Parameters
    ----------
    ca_file, cert_file, key_file
        Empty: the system's authorities, no certificate of our own, the key in the certificate's file.
    section
        Of the configuration, for the message.

    Raises
    ------
    OSError
        A file cannot be read or is none of its kind; says which.
    """
    context = trusting(ca_file, f"{section}.ca_file")
    if cert_file:
        try:
            # Without a password a key that has one would ask for it on the terminal.
            context.load_cert_chain(cert_file, key_file or None, password="")
        except (OSError, ValueError) as error:
            where = f"{section}.cert_file {cert_file}, {section}.key_file {key_file or cert_file}"
            raise OSError(f"{where}: {of_file(error)}") from None
    return context


def trusting(ca_file: str, named: str) -> ssl.SSLContext:
    """Of a client that shows no certificate.

    Parameters
    ----------
    ca_file
        Empty: the system's authorities.
    named
        How the configuration calls it, for the message.

    Raises
    ------
    OSError
        The file cannot be read or holds no certificates; says which.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError) as error:
        raise OSError(f"{named} {ca_file}: {of_file(error)}") from None


def of_certificate(said: str, address: str, ca_file: str) -> str:
    """What is wrong with a server's certificate; to stand after the server's name.

    Parameters
    ----------
    said
        What OpenSSL says of it.
    address, ca_file
        Keys of the configuration that name the server, and the authorities.
    """
    if "expired" in said:
        return "has a certificate that has expired: renew it there"
    if "not yet valid" in said:
        return "has a certificate that is not valid yet: look at the clocks of both machines"
    if "mismatch" in said or "not valid for" in said:
        return f"has a certificate for another name: give it in {address} as its certificate does"
    return f"has a certificate of an authority that is not in {ca_file} ({said})"


def of_alert(error: ssl.SSLError, section: str = "kafka") -> str:
    """What a server said when it ended TLS; to stand after its name."""
    said = str(error.reason or error).lower().replace("_", " ")
    for version in ("sslv3", "tlsv1", "tlsv13"):
        said = said.removeprefix(f"{version} alert ")
    see = f"see {section}.cert_file and {section}.key_file"
    if said == "certificate required":
        return f"wants a certificate of ours, and there is none: {see}"
    if said == "certificate unknown":
        # All that a broker tells of one that it does not take.
        return f"refuses our certificate (it has expired, or its authority is not trusted there): {see}"
    if "certificate" in said or "unknown ca" in said:
        return f"refuses our certificate ({said}): {see}"
    return f"ended TLS ({said})"


def is_no_tls(error: Exception) -> bool:
    """Whether the other side answered a TLS greeting as who does not speak it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return False
    words = ("EOF", "WRONG_VERSION", "RECORD_LAYER", "HTTP_REQUEST", "PACKET_LENGTH")
    if isinstance(error, ssl.SSLError):
        return any(word in str(error).upper().replace(" ", "_") for word in words)
    return isinstance(error, (ConnectionError, EOFError))


def of_file(error: Exception) -> str:
    """What is wrong with a file of certificates or keys; to stand after its name."""
    if isinstance(error, ssl.SSLError) and "KEY_VALUES_MISMATCH" in str(error):
        return "certificate and key do not belong together"
    if isinstance(error, ssl.SSLError):
        return "is not PEM, or its key has a pass phrase"
    return str(getattr(error, "strerror", None) or error)
