"""Where alerts may go."""

import pytest

from coldplate.sinks.webhooks.guard import Forbidden, Guard

PRIVATE = [
    "127.0.0.1", "127.8.9.10", "::1", "169.254.1.1", "fe80::1", "fe80::1%eth0", "10.0.0.1",
    "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1", "fec0::1",
    "100.64.0.1", "100.127.255.255",
    # Ways in IPv6 to an IPv4 address: mapped, compatible, 6to4, NAT64, Teredo, ISATAP.
    "::ffff:127.0.0.1", "::ffff:a00:1", "::10.0.0.1", "2002:7f00:1::", "2002:c0a8:101::1",
    "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "2001:0:0a00:1::f7f7:f7f7", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2606:4700::5efe:10.0.0.1",
]  # fmt: skip
NEVER = [
    "0.0.0.0", "0.1.2.3", "::", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "ff02::1",
    "169.254.169.254", "169.254.170.2", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "198.18.0.1",
    "203.0.113.9", "2001:db8::1", "64:ff9b:1::1",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "169.253.0.1", "223.255.255.255",
    "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1", "::ffff:8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE + NEVER + ["4000::1", "::2:3:4:5", "100::1"])
def test_what_leads_inside_is_refused(address):
    """Loopback, link-local, private, and each form of IPv6 that leads there."""
    with pytest.raises(Forbidden, match=address.partition("%")[0]):
        Guard().judge(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_ones_are_taken_when_that_is_allowed(address):
    """Many receivers stand beside the cluster."""
    Guard(allow_private=True).judge(address)


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_taken(address):
    """Nobody's receiver is a cloud's metadata service or a multicast group."""
    with pytest.raises(Forbidden):
        Guard(allow_private=True).judge(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_ones_are_taken(address):
    """Those just beside the private ranges too."""
    Guard().judge(address)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "[::1]", "[::ffff:7f00:1]", "2852039166", "0xa9fea9fe", "0"],
)  # fmt: skip
def test_odd_spellings_of_addresses_are_read_as_the_resolver_reads_them(host):
    """Decimal, octal, hexadecimal, with parts left out."""
    with pytest.raises(Forbidden):
        Guard().judge_literal(host)


def test_a_name_is_no_literal():
    """It is judged when it was resolved; a public address is judged here."""
    assert (False, True, True) == tuple(
        Guard().judge_literal(host) for host in ("hooks.example.com", "8.8.8.8", "134744072")
    )


def test_a_name_is_judged_by_all_its_addresses():
    """`localhost` is resolved by the machine's own resolver, and leads inside."""
    with pytest.raises(Forbidden, match="loopback; allow_private takes it"):
        Guard().resolve("localhost", 443)
    found = [address for _, address in Guard(allow_private=True).resolve("localhost", 443)]
    assert "127.0.0.1" in found
