"""Lines of the map without a terminal: sizes, signs, steps; and the command where there is none."""

import json
from itertools import pairwise

import pytest
from click.testing import CliRunner
from console.live.fakes import FakeSource, a_hall, gpus_of

from coldplate.console.commands.live import live
from coldplate.console.context import Context
from coldplate.console.failure import Failure
from coldplate.console.live.draw import cells, incident_line, key, strip
from coldplate.console.live.grid import BOX, DOT, PAIR, grid
from coldplate.console.live.picture import Hall, Rack
from coldplate.console.live.run import as_text, print_once
from coldplate.console.live.shade import PALETTE, SHADES, STEPS, looks, shade_of
from coldplate.console.live.span import seconds


def plain(lines):
    return ["".join(s.text for s in line) for line in lines]


@pytest.mark.parametrize(
    ("racks", "size", "cell"),
    [(4, (119, 20), None), (60, (119, 20), BOX), (500, (119, 28), PAIR), (1563, (119, 24), DOT)],
)
def test_cells_are_as_big_as_fit(racks, size, cell):
    """Each GPU, a value, two columns, one; never two racks in one place, never beyond the width."""
    hall = a_hall(racks)
    found = grid(hall.racks, *size)
    assert cell == (None if found.cell.gpus else found.cell)
    assert len(set(found.at)) == racks
    assert all(x + found.cell.width <= size[0] for x, _ in found.at)
    assert all(0 <= y < found.height for _, y in found.at)
    assert [n for n in range(racks) if found.under(*found.at[n]) != n] == []
    assert found.height <= size[1]


def test_a_map_without_colours_tells_as_much():
    """Steps as digits, signs of incidents and silence in their cells, rows by name."""
    hall = a_hall(24, per_row=8)
    found = grid(hall.racks, 20, 3, (DOT,))
    assert [
        "row-0 0!*00111",
        "row-1 11111112",
        "row-2 2222333.",
    ] == plain(cells(hall, shade_of("margin"), found))
    assert ["row-0  0!0*0 0 0 1 1 1"] == plain(
        cells(hall, shade_of("margin"), grid(hall.racks, 30, 3, (PAIR,)))
    )[:1]


def test_each_gpu_is_half_a_cell():
    """Two nodes a line: the upper's colour over the lower's."""
    hall = a_hall(1)
    found = grid(hall.racks, 80, 20)
    line = cells(hall, shade_of("margin"), found, gpus={"rack-0000": gpus_of("rack-0000")})[1]
    halves = [s for s in line if s.text == "▀"]
    assert 8 == len(halves)
    # Margins of 30 K and 26 K: steps 0 and 1.
    assert {(PALETTE[0], PALETTE[1])} == {
        (s.style.color.get_truecolor().hex, s.style.bgcolor.get_truecolor().hex) for s in halves
    }


def test_every_shade_has_a_legend_of_its_steps():
    """With the unit; what is to be looked at comes first."""
    hall = a_hall(30)
    for shade in SHADES:
        words = key(hall, shade).plain
        assert shade.unit in words
        assert all(sign in words for sign in "!*+'.")
        steps = [look.step for look in looks(hall, shade)]
        assert all(s is None or 0 <= s < STEPS for s in steps)
    assert "margin in K:  6:<2 " in key(hall, shade_of("margin")).plain


def test_the_palette_rises_in_lightness():
    """So that it is read without seeing red or green."""

    def luma(colour):
        r, g, b = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
        return 0.2126 * r**2.2 + 0.7152 * g**2.2 + 0.0722 * b**2.2

    values = [luma(c) for c in PALETTE]
    assert sorted(values) == values
    assert all(b > 1.3 * a for a, b in pairwise(values))


def test_the_strip_tells_the_hall_in_two_lines():
    """Power, ramp, throttled, least margin; racks by state and the age."""
    first, second = strip(a_hall(14), 3.4, "")
    assert (
        "0.429 MW  ramp +0.013 MW/s over 10 s  throttled 1 GPUs  least margin 22.0 K" == first.plain
    )
    assert "14 racks  ! 1 critical  * 1 warning  . 1 silent  data 3 s old" == second.plain
    assert "STALE: data 16 s old" in strip(a_hall(14), 16.2, "")[1].plain
    assert "NO DATA" in strip(Hall(0), None, "")[1].plain


def test_an_incident_in_a_line_says_what_was_done_about_it():
    """Taken care of, silenced."""
    hall = a_hall()
    assert (
        "* warning          5 s  hot rack-0002/node-0/gpu-1 [acked by ada] [silenced]: It is hot. (1 affected)"
        == incident_line(hall.incidents[1], hall.now_ms).plain
    )


def test_once_prints_one_picture_and_json_the_same(capsys):
    """Text of ASCII alone; an object with every rack."""
    print_once(FakeSource(a_hall(1563)), "margin", as_json=False)
    text = capsys.readouterr().out
    assert text.isascii()
    assert "1563 racks" in text
    assert "! critical   1 min 5 s  pump-stop rack-0001/cdu" in text
    assert 120 >= max(len(line) for line in text.splitlines()[4:40])
    print_once(FakeSource(a_hall(1563)), "margin", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert 1563 == len(found["racks"])
    assert ["aaa", "bbb", "ccc"] == [o["id"] for o in found["incidents"]]
    assert (False, 2.0) == (found["stale"], found["age_s"])


def test_an_odd_hall_is_drawn():
    """No racks; racks that nothing is known of; several halls."""
    assert "no open incident" in as_text(Hall(0), "flow", 80)
    racks = [Rack("a", "h1", "r"), Rack("b", "h2", "r"), Rack("c" * 50)]
    text = as_text(Hall(1000, racks=racks), "power", 30)
    assert "h1 r" in text
    assert 3 == text.count(".- ") + text.count(".  -")


def test_without_a_terminal_the_command_says_what_to_do(tmp_path):
    """And names what is no time."""
    context = Context(state_dir=str(tmp_path))
    ran = CliRunner().invoke(live, [], obj=context)
    assert isinstance(ran.exception, Failure)
    assert "--once" in str(ran.exception)
    ran = CliRunner().invoke(live, ["--every", "soon"], obj=context)
    assert "'soon' is no time" in str(ran.exception)


def test_a_history_that_is_away_ends_once_with_a_word():
    """One line, exit code 3."""
    source = FakeSource()
    source.away = "ClickHouse at h:1: refused"
    with pytest.raises(Failure, match=r"h:1: refused; is it running") as failure:
        print_once(source, "margin", as_json=True)
    assert 3 == failure.value.exit_code


@pytest.mark.parametrize("text", ["0s", "2h", "-1s", "1 s s", "99999"])
def test_times_out_of_bounds_are_refused(text):
    """Faster than the history likes, or slower than anybody looks."""
    with pytest.raises(Failure, match="no time between"):
        seconds(text)
