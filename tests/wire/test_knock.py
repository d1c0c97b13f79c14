"""Why a broker does not let us in, in words; the answers of a real one are tried by `coldplate bench security`."""

import socket
import ssl
import struct
import threading

import pytest
import trustme

from coldplate.wire.knock import Door, door_of, why_not
from coldplate.wire.refusal import reason, words
from coldplate.wire.tls import tls_context, trusting


@pytest.fixture
def authority(tmp_path):
    """Who signs, and its file."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return ca, str(tmp_path / "ca.pem")


@pytest.fixture
def serve():
    """Starts a server that has an answer to each request; gives `host:port`."""
    servers = []

    def start(*answers, context=None):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def run():
            try:
                plain, _ = server.accept()
                with plain, plain if context is None else context.wrap_socket(plain, server_side=True) as near:  # fmt: skip
                    for answer in answers:
                        near.recv(1000)
                        near.sendall(answer)
            except OSError:
                pass  # the client has gone, which is what some cases are about

        threading.Thread(target=run, daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        server.close()


def _context(ca, *hosts):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*hosts).configure_cert(context)
    return context


def test_who_answers_as_a_broker_lets_us_in(serve):
    """Nothing is said of it."""
    answer = struct.pack(">ihi", 1, 0, 0)
    assert why_not(Door(serve(struct.pack(">i", len(answer)) + answer))) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "ends the connection without an answer"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks TLS"),
        (struct.pack(">ii", 4, 1), "answers as no broker does"),
        (b"\x00", "ends the connection without an answer"),
    ],
)
def test_who_answers_otherwise_is_told_apart(serve, answer, said):
    """What it may be instead, and which key says so."""
    assert said in why_not(Door(serve(answer)))


@pytest.mark.parametrize(
    "first",
    [
        b"r=x,s=AAAA,i=99999999999",
        b"r=x,s=not base64!,i=4096",
        b"s=AAAA,i=4096",
        b"\xff\xfe",
        b"",
        b"r=x,s=AAAA,i=0",
    ],
)
def test_who_plays_a_broker_keeps_nobody_busy(serve, first):
    """Its part of SCRAM may be anything; it is told in a line, at once."""
    said = [b"\0" * 8, struct.pack(">hi", 0, 0), struct.pack(">hhi", 0, -1, len(first)) + first]
    answers = [struct.pack(">ii", 4 + len(a), 1) + a for a in said]
    door = Door(serve(*answers), None, "SCRAM-SHA-512", "ann", "hush")
    assert "answers as no broker does" in why_not(door)


def test_a_server_for_another_name_or_of_nobody_is_not_trusted(serve, authority, tmp_path):
    """The words say which of the two it is."""
    ca, file = authority
    other = trustme.CA()
    tls = tls_context(file, "", "")
    named = why_not(Door(serve(b"", context=_context(ca, "kafka.example")), tls))
    assert "it has a certificate for another name" in named
    signed = why_not(Door(serve(b"", context=_context(other, "127.0.0.1")), tls))
    assert "of an authority that is not in kafka.ca_file" in signed


def test_there_is_no_falling_back_to_a_connection_without_tls(serve, authority):
    """A port that does not speak it gets a greeting and nothing more."""
    _, file = authority
    door = Door(serve(b"hello, this is not TLS"), tls_context(file, "", ""), "PLAIN", "ann", "hush")
    assert "does not speak TLS" in why_not(door)


def test_the_broker_is_named_where_there_are_several(serve):
    """Otherwise who asks knows which it is."""
    answer = struct.pack(">ihi", 1, 0, 0)
    good = serve(struct.pack(">i", len(answer)) + answer)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert f"127.0.0.1:{port} refuses connections" in why_not(Door(f"{good},127.0.0.1:{port}"))
    assert why_not(Door(f"127.0.0.1:{port}")).startswith("it refuses connections")
    assert "no host:port" in why_not(Door("nowhere"))


def test_a_door_shows_no_password_and_is_made_of_clients_options():
    """Those of SASL count only where it is used."""
    options = {
        "bootstrap_servers": ["a:1", "b:2"], "security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "ann", "sasl_plain_password": "hush",
    }  # fmt: skip
    door = door_of(options)
    assert ("a:1,b:2", "PLAIN", "ann", "hush") == (door.brokers, door.mechanism, door.user, door.password)  # fmt: skip
    assert "hush" not in repr(door)
    assert "" == door_of({**options, "security_protocol": "SSL"}).mechanism


def test_a_file_that_cannot_be_used_is_named(tmp_path, authority):
    """With its key in the configuration: missing, no PEM, a key of another certificate, or with a pass phrase."""
    ca, file = authority
    with pytest.raises(OSError, match=r"kafka\.ca_file .*gone: No such file"):
        tls_context(str(tmp_path / "gone"), "", "")
    (tmp_path / "bad").write_text("no certificate")
    with pytest.raises(OSError, match=r"ca_file of clickhouse\.url .*bad: is not PEM"):
        trusting(str(tmp_path / "bad"), "ca_file of clickhouse.url")
    one, other = ca.issue_cert("one.example"), ca.issue_cert("other.example")
    one.cert_chain_pems[0].write_to_path(str(tmp_path / "crt"))
    other.private_key_pem.write_to_path(str(tmp_path / "key"))
    with pytest.raises(OSError, match="do not belong together"):
        tls_context(file, str(tmp_path / "crt"), str(tmp_path / "key"))


class TopicAuthorizationFailedError(Exception):
    """As Kafka's clients call it."""


class KafkaTimeoutError(Exception):
    """As Kafka's clients call it."""


def test_what_clients_raise_is_said_in_a_line_without_their_request():
    """By the error's name; the request that some of them repeat is cut off."""
    assert "no right to topic coldplate.frames" in words(TopicAuthorizationFailedError("x"), "coldplate.frames")  # fmt: skip
    assert "[Error 42] Odd" == words(RuntimeError("[Error 42] Odd: Request 'Create(secret)' failed\nmore"))  # fmt: skip
    number = (
        "Unexpected error in InitProducerIdResponse: [Error 31] ClusterAuthorizationFailedError"
    )
    assert "no right to write to any topic" in words(RuntimeError(number))


def test_a_client_that_only_ran_out_of_time_is_asked_for(serve):
    """Another kind of error is not, since it says itself what it is."""
    options = {"bootstrap_servers": [serve(b"")]}
    assert "ends the connection" in reason(KafkaTimeoutError("Unable to bootstrap"), options)
    assert "odd" == reason(RuntimeError("odd"), options)
