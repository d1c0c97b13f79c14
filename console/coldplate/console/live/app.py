"""The terminal's program: which screen is shown, and what came in."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual.app import App, ScreenStackError
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.message import Message

from coldplate.console.failure import Failure
from coldplate.console.live.gpuview import GpuView
from coldplate.console.live.hallmap import HallMap
from coldplate.console.live.hallview import HallView
from coldplate.console.live.overlays import HelpView, Overlay, SearchView, WhyView
from coldplate.console.live.picture import STALE_S, Detail, Hall, Open, Shown, Source
from coldplate.console.live.poll import News, Poller
from coldplate.console.live.rackview import RackView
from coldplate.console.live.shade import SHADES, Shade
from coldplate.console.live.view import View

Act = Callable[[str, Open], str]
"""Does a verb (`ack`) to an incident, and says in words what came of it; may take its time."""

RENEW_S = 1.0


class Live(App[None]):
    """`coldplate live`.

    Parameters
    ----------
    source
        Where pictures come from.
    every_s
        From one to the next.
    act
        What acknowledges; None where that cannot be done from here.
    """

    TITLE = "coldplate live"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "up", "Back", show=False),
        Binding("c", "colour", "Colour"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("w", "why", "Why"),
        Binding("a", "ack", "Acknowledge"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "End"),
        Binding("ctrl+c", "quit", "End", show=False, priority=True),
    ]

    class Came(Message):
        """News from the thread that asks."""

        def __init__(self, news: News) -> None:
            super().__init__()
            self.news = news

    def __init__(self, source: Source, every_s: float = 1.0, act: Act | None = None) -> None:
        super().__init__()
        self._act = act
        self._poller = Poller(source, every_s, self._take)
        self._heard_s: float | None = None
        self.hall: Hall | None = None
        self.detail = Detail()
        self.away = ""
        self.shade: Shade = SHADES[0]

    @property
    def age_s(self) -> float | None:
        """Of the newest sample, now; None when there is none."""
        if self.hall is None or self.hall.age_s is None or self._heard_s is None:
            return None
        return self.hall.age_s + time.monotonic() - self._heard_s

    @property
    def grey(self) -> bool:
        """Whether what is shown is a picture of the past."""
        age_s = self.age_s
        return bool(self.away) or age_s is None or age_s > STALE_S

    def on_mount(self) -> None:
        """Begin."""
        self.push_screen(HallView())
        self._poller.start()
        # The age grows while nothing comes.
        self.set_interval(RENEW_S, self._age)

    def on_unmount(self) -> None:
        """End."""
        self._poller.close()

    def on_live_came(self, message: Came) -> None:
        """Take it in, and show it."""
        news = message.news
        self.away = news.away
        if news.hall is not None:
            self.hall, self._heard_s = news.hall, time.monotonic()
        if news.detail is not None:
            self.detail = news.detail
        self._renew()

    def look(self) -> None:
        """Have that asked for which the screens show."""
        shown = Shown()
        for screen in self.screen_stack:
            if isinstance(screen, HallView):
                racks = screen.query_one(HallMap).shown_gpus if screen.ready else ()
                shown = Shown(racks=racks)
            elif isinstance(screen, RackView):
                shown = Shown(racks=(screen.rack,), rack=screen.rack)
            elif isinstance(screen, GpuView):
                shown = Shown(racks=(screen.rack,), rack=screen.rack, gpu=screen.gpu)
            elif isinstance(screen, WhyView) and screen.incident is not None:
                shown = Shown(shown.racks, shown.rack, shown.gpu, screen.incident.id)
            elif isinstance(screen, SearchView):
                shown = Shown(shown.racks, shown.rack, shown.gpu, search=screen.part)
        self._poller.show(shown)

    def fly(self, rack: str) -> None:
        """Put the map's cursor on a rack and show it."""
        if self.hall is None or rack not in {r.id for r in self.hall.racks}:
            self.notify("it concerns no rack alone", markup=False)
            return
        self._open(rack, "")

    def open_gpu(self, rack: str, gpu: str) -> None:
        """Show a GPU over its rack."""
        self.push_screen(GpuView(rack, gpu))

    def go_from_search(self, rack: str, gpu: str) -> None:
        """Show what was found."""
        self._open(rack, gpu)
        if gpu:
            self.open_gpu(rack, gpu)

    def _open(self, rack: str, gpu: str) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, HallView) and screen.ready:
                screen.query_one(HallMap).go(rack)
        while not isinstance(self.screen, HallView):
            self.pop_screen()
        self.push_screen(RackView(rack, gpu))

    def action_up(self) -> None:
        """One screen up; the hall stays."""
        if not isinstance(self.screen, HallView):
            self.pop_screen()

    def action_colour(self) -> None:
        """The next way to colour."""
        self.shade = SHADES[(SHADES.index(self.shade) + 1) % len(SHADES)]
        self._renew()

    def action_search(self) -> None:
        """Look for a rack or a GPU."""
        if not isinstance(self.screen, Overlay):
            self.push_screen(SearchView())

    def action_help(self) -> None:
        """What keys do."""
        if not isinstance(self.screen, Overlay):
            self.push_screen(HelpView())

    def action_why(self) -> None:
        """The story of the incident that keys are about."""
        found = self.screen.incident if isinstance(self.screen, View) else None
        if isinstance(self.screen, Overlay):
            return
        if found is None:
            self.notify("no incident is chosen: tab goes to the list", markup=False)
        else:
            self.push_screen(WhyView(found))

    def action_ack(self) -> None:
        """Take care of it."""
        found = self.screen.incident if isinstance(self.screen, View) else None
        if found is None:
            self.notify("no incident is chosen: tab goes to the list", markup=False)
        elif self._act is None:
            self.notify(
                "nothing can be done from here: no Kafka is named", severity="warning", markup=False
            )
        else:
            self.run_worker(partial(self._do, self._act, found), thread=True, exit_on_error=False)

    def _do(self, act: Act, incident: Open) -> None:
        try:
            said, severity = act("ack", incident), "information"
        except Failure as error:
            said, severity = str(error), "error"
        self.notify(said, severity=severity, markup=False)  # type: ignore[arg-type]

    def _take(self, news: News) -> None:
        self.post_message(self.Came(news))

    def _renew(self) -> None:
        # A program that ends loses the parts of its screens before it stops to hear.
        with suppress(ScreenStackError, NoMatches):
            if isinstance(self.screen, View) and self.screen.ready:
                self.screen.renew()

    def _age(self) -> None:
        # What comes each second brings its own age.
        if self.away or self._heard_s is None or time.monotonic() - self._heard_s > 1.5 * RENEW_S:
            self._renew()
