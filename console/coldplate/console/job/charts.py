"""Pictures of a job as inline SVG: bands over time, bars. Colours are the page's, so light, dark and paper each have theirs.

Nothing here takes a name unescaped: what comes from others goes through `text`.
"""

import html
import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from coldplate.console.job.bands import Bands, Point
from coldplate.sinks.webhooks.telling.moment import at, length
from coldplate.sinks.webhooks.telling.plain import clean
from coldplate.sinks.webhooks.telling.quantity import scale_of

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 10, 10, 24
NAME_MAX = 120
_STEPS_S = (10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000)  # fmt: skip
_TICKS_X, _TICKS_Y = 6, 4

Mark = tuple[float, str, str]
"""When in Unix milliseconds, of which severity, what."""


def text(words: str, longest: int = NAME_MAX) -> str:
    """Words of others, harmless in the page.

    Examples
    --------
    >>> text('<script>"x"')
    '&lt;script&gt;&quot;x&quot;'
    """
    return html.escape(clean(words, longest), quote=True)


def bands_svg(
    bands: Bands, metric: str, label: str, *, begin_ms: int, end_ms: int,
    marks: Sequence[Mark] = (), floor: float | None = None, ceiling: float | None = None,
) -> str:  # fmt: skip
    """Lowest to highest as a shade, p5 to p95 as a darker one, the median as a line; a hole where nothing was measured.

    Parameters
    ----------
    bands, metric
        What is drawn.
    label
        In words, for who cannot see it.
    begin_ms, end_ms
        Of the axis.
    marks
        Lines at these times.
    floor, ceiling
        Ends of the value axis where they are fixed.
    """
    points = bands.points[metric]
    ends = [v for p in points for v in (p.lowest, p.highest, p.p5, p.p95) if v is not None]
    if not ends:
        return f'<p class="none">{html.escape(label)}: nothing is kept of it</p>'
    low = min(ends) if floor is None else floor
    high = max(ends) if ceiling is None else ceiling
    scale = scale_of(metric, (low, high))
    ticks = [v * scale.factor for v in _nice(low / scale.factor, high / scale.factor)]
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    if high <= low:
        high = low + 1

    def x(t_ms: float) -> float:
        return LEFT + (t_ms - begin_ms) / max(end_ms - begin_ms, 1) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    out = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(label)}">',
        *_axes(begin_ms, end_ms, ticks, x, y, partial(scale.say, with_unit=False)),
    ]
    for part in _unbroken(bands.numbers):
        times = [bands.begin_ms + bands.step_ms * (bands.numbers[i] + 0.5) for i in part]
        some = [points[i] for i in part]
        out += [
            _area("ends", times, some, lambda p: (p.lowest, p.highest), x, y, bands.step_ms),
            _area("most", times, some, lambda p: (p.p5, p.p95), x, y, bands.step_ms),
            _line(times, some, x, y, bands.step_ms),
        ]
    for t_ms, severity, what in marks:
        place = min(max(x(t_ms), LEFT), WIDTH - RIGHT)
        out.append(
            f'<g class="mark {severity}"><line x1="{place:.1f}" x2="{place:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<path d="M{place - 4:.1f} {TOP - 5}h8l-4 6z"/><title>{text(what, 200)}</title></g>'
        )
    out += _hovers(bands, points, x, scale.say, end_ms)
    return "".join([*(o for o in out if o), "</svg>"])


def bar(share: float, kind: str = "") -> str:
    """A bar of 0 to 1."""
    width = 100 * min(max(share, 0.0), 1.0)
    return f'<span class="bar {kind}"><i style="width:{width:.1f}%"></i></span>'


def _axes(
    begin_ms: int, end_ms: int, ticks: Sequence[float], x: Callable[[float], float],
    y: Callable[[float], float], say: Callable[[float], str],
) -> Iterable[str]:  # fmt: skip
    for value in ticks:
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y(value) + 3.5:.1f}" text-anchor="end">{say(value)}</text>'
    span_s = max((end_ms - begin_ms) / 1000, 1)
    step_s = next((s for s in _STEPS_S if span_s / s <= _TICKS_X), math.ceil(span_s / _TICKS_X))
    form = "%m-%d" if step_s >= 86_400 else "%H:%M" if step_s >= 60 else "%H:%M:%S"
    for n in range(math.ceil(begin_ms / 1000 / step_s), end_ms // 1000 // step_s + 1):
        t_ms = n * step_s * 1000
        yield f'<line class="tick" x1="{x(t_ms):.1f}" x2="{x(t_ms):.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>'
        anchor = (
            "middle"
            if LEFT + 14 < x(t_ms) < WIDTH - RIGHT - 14
            else "end"
            if x(t_ms) > WIDTH / 2
            else "start"
        )
        yield f'<text x="{x(t_ms):.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{at(t_ms):{form}}</text>'


def _nice(low: float, high: float) -> list[float]:
    """Round values that hold both ends."""
    span = high - low or max(abs(high), 1.0) * 0.1
    rough = span / _TICKS_Y
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s for s in (power, 2 * power, 2.5 * power, 5 * power, 10 * power) if s >= rough)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 9) for n in range(first, max(last, first + 1) + 1)]


def _unbroken(numbers: Sequence[int]) -> list[list[int]]:
    """Places in a list of steps, as parts without a hole."""
    out: list[list[int]] = []
    for place, number in enumerate(numbers):
        if out and number == numbers[out[-1][-1]] + 1:
            out[-1].append(place)
        else:
            out.append([place])
    return out


def _area(
    kind: str, times: Sequence[float], points: Sequence[Point],
    ends: Callable[[Point], tuple[float | None, float | None]],
    x: Callable[[float], float], y: Callable[[float], float], step_ms: int,
) -> str:  # fmt: skip
    upper, lower = [], []
    for t_ms, p in _widened(times, points, step_ms):
        low, high = ends(p)
        if low is not None and high is not None:
            upper.append(f"{x(t_ms):.1f} {y(high):.1f}")
            lower.append(f"{x(t_ms):.1f} {y(low):.1f}")
    return f'<path class="{kind}" d="M{"L".join([*upper, *reversed(lower)])}Z"/>' if upper else ""


def _line(
    times: Sequence[float], points: Sequence[Point], x: Callable[[float], float],
    y: Callable[[float], float], step_ms: int,
) -> str:  # fmt: skip
    drawn = [
        f"{x(t):.1f} {y(p.p50):.1f}" for t, p in _widened(times, points, step_ms) if p.p50 is not None
    ]  # fmt: skip
    return f'<path class="median" d="M{"L".join(drawn)}"/>' if drawn else ""


def _widened(
    times: Sequence[float], points: Sequence[Point], step_ms: int
) -> list[tuple[float, Point]]:
    """From the begin of the first step to the end of the last, so that one alone can be seen too."""
    pairs = list(zip(times, points, strict=True))
    return [(times[0] - step_ms / 2, points[0]), *pairs, (times[-1] + step_ms / 2, points[-1])]


def _hovers(
    bands: Bands, points: Sequence[Point], x: Callable[[float], float], say: Callable[[float], str], end_ms: int
) -> Iterable[str]:  # fmt: skip
    """What stands under the pointer, in the browser's own words: no script is needed."""
    for number, p in zip(bands.numbers, points, strict=True):
        if p.p50 is None or p.p5 is None or p.p95 is None:
            continue
        begin = bands.begin_ms + bands.step_ms * number
        end = min(begin + bands.step_ms, end_ms)
        said = (
            f"{at(begin):%m-%d %H:%M:%S}, {length(bands.step_ms)}: median {say(p.p50)}, "
            f"p5 to p95 {say(p.p5)} to {say(p.p95)}"
        )
        if p.lowest is not None and p.highest is not None:
            said += f", lowest to highest {say(p.lowest)} to {say(p.highest)}"
        yield (
            f'<rect class="hover" x="{x(begin):.1f}" y="{TOP}" width="{max(x(end) - x(begin), 0.5):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"><title>{html.escape(said)}</title></rect>'
        )
