"""Which addresses alerts may go to: a name that leads into this machine or network is refused unless that is allowed.

Whoever can write a receiver's address, or its DNS, could otherwise have the alerter call what only the alerter reaches
(server-side request forgery). Every address is judged after the name was resolved, and the connection goes to an address
that was judged: a second answer of the DNS changes nothing.

References
----------
OWASP, Server-Side Request Forgery Prevention Cheat Sheet; IANA special-purpose address registries (RFC 6890).
"""

import ipaddress
import socket
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = (
    ("127.0.0.0/8", "loopback"), ("::1/128", "loopback"),
    ("169.254.0.0/16", "link-local"), ("fe80::/10", "link-local"),
    ("10.0.0.0/8", "private"), ("172.16.0.0/12", "private"), ("192.168.0.0/16", "private"),
    ("fc00::/7", "private"), ("fec0::/10", "private"), ("100.64.0.0/10", "carrier's private"),
)  # fmt: skip
_NEVER = (
    ("0.0.0.0/8", "unspecified"), ("::/128", "unspecified"),
    ("224.0.0.0/4", "multicast"), ("ff00::/8", "multicast"), ("240.0.0.0/4", "reserved"),
    # What gives a machine of a cloud its credentials is no receiver, wherever private ones are allowed.
    ("169.254.169.254/32", "cloud metadata"), ("169.254.170.2/32", "cloud metadata"),
    ("fd00:ec2::254/128", "cloud metadata"), ("100.100.100.200/32", "cloud metadata"),
    ("192.0.0.192/32", "cloud metadata"), ("168.63.129.16/32", "cloud metadata"),
    ("192.0.0.0/24", "reserved"), ("192.0.2.0/24", "reserved"), ("192.88.99.0/24", "reserved"),
    ("198.18.0.0/15", "reserved"), ("198.51.100.0/24", "reserved"), ("203.0.113.0/24", "reserved"),
    ("100::/64", "reserved"), ("2001:2::/48", "reserved"), ("2001:db8::/32", "reserved"),
    ("3fff::/20", "reserved"), ("5f00::/16", "reserved"), ("64:ff9b:1::/48", "reserved"),
)  # fmt: skip
PRIVATE = tuple((ipaddress.ip_network(net), what) for net, what in _PRIVATE)
NEVER = tuple((ipaddress.ip_network(net), what) for net, what in _NEVER)

NAT64 = ipaddress.ip_network("64:ff9b::/96")
COMPATIBLE = ipaddress.ip_network("::/96")
ISATAP = (0x00005EFE, 0x02005EFE)


class Forbidden(OSError):  # noqa: N818  an answer, not a fault
    """The address is none that alerts may go to; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges addresses.

    Parameters
    ----------
    allow_private
        Take loopback, link-local and private ones too; cloud metadata, multicast and the like are never taken.
    """

    allow_private: bool = False

    def judge(self, address: str) -> None:
        """Nothing when alerts may go to an address, as the resolver wrote it.

        Raises
        ------
        Forbidden
        """
        ip = ipaddress.ip_address(address.partition("%")[0])
        inside = _inside(ip)
        for inner in inside:
            if (what := _first(inner, NEVER)) is not None:
                raise Forbidden(f"{address} is {what}")
        if self.allow_private:
            return
        for inner in inside:
            if (what := _first(inner, PRIVATE)) is not None:
                raise Forbidden(f"{address} is {what}; allow_private takes it")
        # Of IPv6 only 2000::/3 is given out: what nobody has must not lead anywhere.
        if ip.version == 6 and len(inside) == 1 and int(ip) >> 125 != 1:
            raise Forbidden(f"{address} is reserved")

    def judge_literal(self, host: str) -> bool:
        """Whether a host is written as an address, which is judged then, in any of the forms that C libraries read.

        Raises
        ------
        Forbidden
        """
        host = host.strip("[]")
        try:
            self.judge(host)
        except ValueError:
            pass
        else:
            return True
        try:
            # 2130706433, 0x7f.1, 0177.0.0.1, 127.1
            self.judge(str(ipaddress.IPv4Address(socket.inet_aton(host))))
        except (OSError, UnicodeError) as error:
            if isinstance(error, Forbidden):
                raise
            return False
        return True

    def resolve(self, host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
        """Addresses of a host, each of them judged; blocks.

        Raises
        ------
        Forbidden
            One of them is not allowed: then none is used, for who gave that one gave the others.
        OSError
            There are none.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses: list[tuple[socket.AddressFamily, str]] = [
            (family, str(at[0])) for family, _, _, _, at in found
            if family in (socket.AF_INET, socket.AF_INET6)
        ]  # fmt: skip
        for _, address in addresses:
            self.judge(address)
        if not addresses:
            raise OSError(f"{host} has no address")
        return addresses


def _inside(ip: Address) -> list[Address]:
    """The address, and the IPv4 addresses that an IPv6 one is a way to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return [ip]
    inner: list[Address] = [ip]
    low = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if ip.ipv4_mapped is not None:
        inner.append(ip.ipv4_mapped)
    if ip.sixtofour is not None:
        inner.append(ip.sixtofour)
    if ip.teredo is not None:
        inner.extend(ip.teredo)
    if ip in NAT64 or (ip in COMPATIBLE and int(ip) > 1):
        inner.append(low)
    if (int(ip) >> 32) & 0xFFFFFFFF in ISATAP:
        inner.append(low)
    return inner


def _first(ip: Address, table: tuple[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str], ...]) -> str | None:  # fmt: skip
    return next((what for net, what in table if ip.version == net.version and ip in net), None)
