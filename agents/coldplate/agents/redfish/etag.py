"""Whether a resource's ETag may be believed.

`304 Not Modified` says that a resource is what it was, which is as good as reading it, if the tag changes with every
reading. Some controllers give a tag that is the same for ever, and a leak would never be seen. So a tag is used only
after it has once been seen to change together with the content, never after the content changed under the same tag,
never when it calls itself weak, and every so many readings the content is asked for all the same.
"""

from dataclasses import dataclass

PROOF_EVERY = 60
"""Every so many readings are unconditional, so that a tag that stops changing is found out."""


@dataclass(slots=True)
class Tagged:
    """What is known of one resource's tag.

    Parameters
    ----------
    tag
        The last one.
    content
        Hash of the body that came with it.
    believed, broken
        Whether it was seen to change with the content; whether it was seen to stay.
    """

    tag: str = ""
    content: int = 0
    believed: bool = False
    broken: bool = False
    _since: int = 0

    def condition(self) -> str:
        """The tag to send as If-None-Match; "" to ask without."""
        self._since += 1
        if self.broken or not self.believed or self._since >= PROOF_EVERY:
            return ""
        return self.tag

    def came(self, tag: str, body: bytes) -> None:
        """A whole answer came."""
        self._since = 0
        content = hash(body)
        if tag and self.tag and content != self.content:
            self.broken |= tag == self.tag
            self.believed |= tag != self.tag
        self.tag = "" if tag.startswith("W/") else tag
        self.content = content
