"""The local HTTP server with a certificate: who is answered, who is not, and files that change."""

import http.client
import socket
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import msgspec
import pytest
import trustme
from cryptography import x509
from waiting import await_that

from coldplate.agents.local.server import Answer, LocalServer
from coldplate.agents.options.local import Local
from coldplate.wire.shown import Shown

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


class Site:
    """An authority, files of a server, and servers that show them."""

    def __init__(self, folder):
        self.folder, self.ca, self.made = folder, trustme.CA(), []
        self.cert, self.key, self.clients = (folder / n for n in ("tls.crt", "tls.key", "ca.crt"))

    def write(self, ca=None, **span):
        """Another certificate at one stroke, as Kubernetes changes a Secret."""
        made = (ca or self.ca).issue_cert("127.0.0.1", **span)
        for path, text in (
            (self.key, made.private_key_pem.bytes()),
            (self.cert, b"".join(b.bytes() for b in made.cert_chain_pems)),
        ):
            beside = path.with_suffix(".new")
            beside.write_bytes(text)
            beside.replace(path)

    def serve(self, client_ca=None, **options):
        if client_ca is not None:
            client_ca.cert_pem.write_to_path(str(self.clients))
        shown = Shown(str(self.cert), str(self.key), str(self.clients) if client_ca else "", "agent.local")  # fmt: skip

        def route(path, _accept):
            return Answer(HTTPStatus.OK, "text/plain", f"{path}\n")

        self.made.append(LocalServer("127.0.0.1", 0, route, certificate=shown, **options))
        return self.made[-1]

    def trusting(self, ca=None, own=None):
        """A client's context; `own` is its certificate."""
        context = ssl.create_default_context()
        (ca or self.ca).configure_trust(context)
        if own is not None:
            own.configure_cert(context)
        return context


@pytest.fixture
def site(tmp_path):
    """Its servers are closed at the end."""
    out = Site(tmp_path)
    out.write()
    yield out
    for server in out.made:
        server.close()


def ask(server, context, path="/metrics"):
    with closing(http.client.HTTPSConnection("127.0.0.1", server.port, timeout=5, context=context)) as connection:  # fmt: skip
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def heard(connection):
    """What comes back for a request in the clear, until the server ends the connection."""
    out = b""
    with suppress(OSError):
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        while part := connection.recv(4096):
            out += part
    return out


def shown_by(server):
    """The serial number of what a server shows, whoever has signed it."""
    pem = ssl.get_server_certificate(("127.0.0.1", server.port), timeout=5)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_who_trusts_the_authority_is_answered(site):
    """As without TLS."""
    assert (200, "/metrics\n") == ask(site.serve(), site.trusting())


def test_nothing_is_said_without_tls(site):
    """Neither an answer nor a word of HTTP, and not when too many ask either."""
    server = site.serve(connections_max=1, deadline_s=5.0)
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as waits:
        for _ in range(2):
            with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as plain:
                assert b"HTTP" not in heard(plain)
        assert b"HTTP" not in heard(waits)


def test_who_begins_no_tls_is_cut_off(site):
    """Within the time that a request has; the next one is answered."""
    server = site.serve(connections_max=1, deadline_s=0.2)
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=5)) as silent:
        assert b"" == silent.recv(100)

    def answered():
        try:
            return ask(server, site.trusting())[0] == 200
        except OSError:
            return False

    await_that(answered, 5, "its place to be free")


def test_a_client_of_another_authority_does_not_trust_it(site):
    """Nor one that sees that it has expired."""
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self.signed"):  # fmt: skip
        ask(site.serve(), site.trusting(trustme.CA()))
    site.write(not_before=YESTERDAY - timedelta(days=9), not_after=YESTERDAY)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        ask(site.serve(), site.trusting())


def test_metrics_are_for_those_with_a_certificate_and_health_for_everybody(site):
    """A probe has none; Prometheus has."""
    of_clients = trustme.CA()
    server = site.serve(of_clients)
    own = of_clients.issue_cert("prometheus")
    assert 200 == ask(server, site.trusting(own=own))[0]
    assert (403, "Forbidden\n") == ask(server, site.trusting())
    for path in ("/healthz", "/readyz"):
        assert 200 == ask(server, site.trusting(), path)[0]


@pytest.mark.parametrize("how", ["stranger", "expired"])
def test_a_clients_certificate_that_is_wrong_ends_tls(site, how):
    """Its authority is not the one that is asked for, or its time is over."""
    of_clients = trustme.CA()
    server = site.serve(of_clients)
    if how == "stranger":
        own = trustme.CA().issue_cert("prometheus")
    else:
        own = of_clients.issue_cert("prometheus", not_before=YESTERDAY - timedelta(days=9), not_after=YESTERDAY)  # fmt: skip
    with pytest.raises(OSError, match=r"(?i)unknown ca|certificate expired|reset|closed"):
        ask(server, site.trusting(own=own), "/healthz")


def test_a_certificate_that_changes_is_shown_from_the_next_connection_on(site):
    """Without a restart; authorities that are taken away are not trusted any more."""
    before, after = trustme.CA(), trustme.CA()
    server = site.serve(before)
    own = before.issue_cert("prometheus")
    first = shown_by(server)
    assert 200 == ask(server, site.trusting(own=own))[0]
    site.write()
    assert first != shown_by(server)
    after.cert_pem.write_to_path(str(site.clients))
    with pytest.raises(OSError, match=r"(?i)unknown ca|reset|closed"):
        ask(server, site.trusting(own=own))
    assert 200 == ask(server, site.trusting(own=after.issue_cert("prometheus")))[0]


def test_one_that_cannot_be_used_leaves_the_last_and_is_told_once(site, caplog):
    """Half a change, rubbish, no file: what was shown is shown on, and never is anything said without TLS."""
    server = site.serve()
    first = shown_by(server)
    other = trustme.CA().issue_cert("127.0.0.1")
    site.cert.write_bytes(other.cert_chain_pems[0].bytes())
    for _ in range(3):
        assert first == shown_by(server)
    assert 1 == caplog.text.count("certificate and key do not belong together")
    assert "agent.local.cert_file" in caplog.text
    site.cert.write_text("rubbish")
    assert first == shown_by(server)
    assert "is not PEM" in caplog.text
    site.cert.unlink()
    assert first == shown_by(server)
    assert "No such file" in caplog.text
    site.write()
    assert first != shown_by(server)
    assert "can be used" in caplog.text


def test_before_there_is_a_certificate_nobody_is_spoken_to(site, caplog):
    """It may come after the part, as where another program fetches it; then it is shown."""
    site.key.unlink()
    server = site.serve()
    with pytest.raises(OSError, match=r"(?i)eof|reset|closed"):
        ask(server, site.trusting())
    assert 1 == caplog.text.count("no connection is taken until")
    site.write()
    assert 200 == ask(server, site.trusting())[0]


@pytest.mark.parametrize("key", ["key_file", "client_ca_file"])
def test_half_of_what_tls_needs_is_refused(key):
    """Else somebody would believe that there is TLS."""
    with pytest.raises(msgspec.ValidationError, match=f"{key} is set and cert_file is empty"):
        msgspec.convert({key: "/a"}, Local)
