"""Certificates are checked, and nothing is sent to a service whose certificate is not believed."""

import ssl
import time

import pytest
from agents.redfish.services import VALUES, Certificates, cdu, client, get, refused

from coldplate.agents.options.redfish import Redfish
from coldplate.agents.redfish.errors import RedfishError
from coldplate.agents.redfish.reach import Reach
from coldplate.twin.redfish_mock import SESSIONS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_a_certificate_of_the_named_authority_is_believed(tmp_path, certificates):
    """And the whole CDU is read over TLS."""
    wrap = certificates.server("good")
    with cdu(tmp_path, wrap=wrap, scheme="https", ca_file=str(certificates.ca)) as one:
        assert one.tick() == pytest.approx(VALUES)


@pytest.mark.parametrize(
    ("name", "how", "words"),
    [
        ("stranger", {"signed": False}, "self-signed"),
        ("expired", {"expired": True}, "expired"),
        ("elsewhere", {"subject": "DNS:cdu.example.com"}, "IP address mismatch"),
    ],
)
def test_other_certificates_are_not_believed(tmp_path, certificates, name, how, words):
    """One that nobody signed, one that ran out, one of another host: no password is sent, and it is said why."""
    wrap = certificates.server(name, **how)
    if how.get("expired"):
        time.sleep(1.1)
    options = {"scheme": "https", "ca_file": str(certificates.ca), "wrap": wrap}
    with client(tmp_path, **options) as one:
        error = refused(one)
        assert "certificate" == error.reason
        assert words in str(error)
        assert 0 == one.service.asked[SESSIONS]


def test_certificates_go_unchecked_only_when_told_so(tmp_path, certificates, caplog):
    """With one warning a service, however many collectors it has."""
    wrap = certificates.server("unchecked", signed=False)
    with client(tmp_path, wrap=wrap, scheme="https", verify=False) as one:
        Reach.of(one.reach.url, one.reach.options)
        assert "1" == get(one)["Id"]
    assert 1 == sum("not checked" in r.getMessage() for r in caplog.records)


def test_a_ca_file_that_is_none_is_named(tmp_path):
    """By its option and path."""
    reach = Reach.of("https://127.0.0.1:1", Redfish(ca_file=str(tmp_path / "nowhere")))
    with pytest.raises(RedfishError, match=r"redfish\.ca_file"):
        reach.context()


def test_hundreds_of_services_share_one_context():
    """Each of its own would hold the system's authorities again."""
    made = {id(Reach.of(f"https://10.0.0.{i}", Redfish()).context()) for i in range(1, 200)}
    assert 1 == len(made)
    context = Reach.of("https://10.0.0.1", Redfish()).context()
    assert (True, ssl.CERT_REQUIRED) == (context.check_hostname, context.verify_mode)
