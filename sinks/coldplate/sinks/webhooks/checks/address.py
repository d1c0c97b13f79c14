"""Whether calls may go to an address, as far as its text tells; what a name stands for is looked at when it is called."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from coldplate.sinks.webhooks.guard import Forbidden, Guard

_ODD = re.compile(r"[\s\x00-\x1f\x7f\\]")


def address_faults(url: str, *, allow_http: bool, allow_private: bool) -> Iterator[str]:
    """What is wrong with an address and what to do; the path, which may be a secret, is not in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield f"is no address ({error}); write it as https://HOST/PATH"
        return
    if _ODD.search(url):
        yield "has a blank or a backslash in it; write it as https://HOST/PATH"
    if parts.scheme not in ("https", "http"):
        yield "does not begin with https://; write it as https://HOST/PATH"
    elif not host:
        yield "has no host; write it as https://HOST/PATH"
    if parts.scheme == "http" and not allow_http:
        yield "is http: everybody on the way can read it; use https, or set allow_http = true"
    if parts.username is not None or parts.password is not None:
        yield "has a user or a password in it; put a token into a file and name that in token_file"
    if parts.fragment:
        yield "has a part after #, which is never sent; leave that out"
    if host and (words := host_fault(host, allow_private=allow_private)):
        yield words


def host_fault(host: str, *, allow_private: bool) -> str:
    """Why alerts may not go to a host, as far as its text tells; "" when they may."""
    name = host.rstrip(".").lower()
    if not allow_private and (name == "localhost" or name.endswith(".localhost")):
        return f"leads to {host}, this machine; set allow_private = true when that is meant"
    try:
        Guard(allow_private).judge_literal(name)
    except Forbidden as error:
        try:
            Guard(allow_private=True).judge_literal(name)
        except Forbidden:
            return f"leads where no alert may go: {error}; give another"
        return f"leads into this machine or this site: {host}; set allow_private = true when that is meant"
    return ""
