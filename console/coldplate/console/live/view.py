"""What the screens share: the strip above, and that they are drawn anew when there is news."""

from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.screen import Screen
from textual.widgets import Static

from coldplate.console.live.draw import strip
from coldplate.console.live.picture import Open

if TYPE_CHECKING:
    from coldplate.console.live.app import Live


class View(Screen[Any]):
    """A screen with the strip."""

    ready = False
    """Whether there is something to draw on."""

    @property
    def live(self) -> "Live":
        """The app."""
        app: Live = self.app  # type: ignore[assignment]
        return app

    @property
    def incident(self) -> Open | None:
        """The incident that keys are about; None for none."""
        return None

    def renew(self) -> None:
        """Draw what is known now."""
        live = self.live
        first, second = strip(live.hall, live.age_s, live.away)
        self.query_one("#strip", Static).update(Text("\n").join([first, second]))

    def on_mount(self) -> None:
        """From now on."""
        self.ready = True
        self.live.look()
        self.renew()

    def on_unmount(self) -> None:
        """Until now."""
        self.ready = False

    def on_screen_resume(self) -> None:
        """What came meanwhile is shown."""
        if self.ready:
            self.live.look()
            self.renew()


def one_line(text: Text) -> Text:
    """For a place of one line."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
