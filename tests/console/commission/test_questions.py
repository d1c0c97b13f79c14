"""What hands are asked through files: each rack waits for its own technician, whose name stands in what was done."""

import json
import threading

import pytest
from click.testing import CliRunner
from waiting import await_that

from coldplate.console.commands.commission import commission
from coldplate.console.commission.hands import Technician
from coldplate.console.commission.questions import Answer, Questions, answer, open_questions
from coldplate.console.context import Context
from coldplate.console.failure import Failure


def answering(*words):
    return CliRunner().invoke(commission, ["answer", *map(str, words)], obj=Context())


@pytest.fixture
def asking(tmp_path):
    """A function that asks for a rack in a thread; what came of each."""
    came, threads, stop = {}, [], threading.Event()

    def ask(rack, words):
        hands = Technician("foreman", elsewhere=Questions(tmp_path, stop).ask)

        def run():
            try:
                hands.ask(rack, words)
                came[rack] = [told["who"] for told in hands.told()]
            except Failure as failure:
                came[rack] = str(failure)

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield ask, came, stop
    stop.set()
    for thread in threads:
        thread.join(5)


def test_racks_wait_side_by_side_and_are_answered_by_name(asking, tmp_path):
    """In any order; who is not asked is told who is."""
    ask, came, _ = asking
    ask("row/rack-1", "close valve V2 of {rack}")
    ask("rack-2", "wet the rope")
    await_that(lambda: 2 == len(open_questions(tmp_path)), 5, "both questions")
    listed = json.loads(answering("--keep", tmp_path, "--json").stdout)["waiting"]
    assert {"close valve V2 of row/rack-1", "wet the rope"} == {q["words"] for q in listed}
    refused = answering("rack-3", "--keep", tmp_path).exception
    assert "rack-3 waits for nothing" in str(refused)
    assert "rack-2" in str(refused)
    ran = answering("row/rack-1", "--who", "bo", "--keep", tmp_path)
    assert "close valve V2 of row/rack-1: done, bo" in ran.stdout
    await_that(lambda: "row/rack-1" in came, 5, "the answer")
    assert {"row/rack-1": ["bo"]} == came
    assert ["rack-2"] == [q.rack for q in open_questions(tmp_path)]
    answer(tmp_path, "rack-2", "cy")
    await_that(lambda: "rack-2" in came, 5, "the answer")
    assert [] == list(tmp_path.iterdir())


def test_an_answer_of_before_answers_nothing(asking, tmp_path):
    """Nor does a file that is none; who is stopped says so."""
    ask, came, stop = asking
    file = tmp_path / "rack-1.answer.json"
    file.write_text('{"number":"old","who":"bo","at":""}')
    ask("rack-1", "anything")
    await_that(lambda: open_questions(tmp_path), 5, "the question")
    for text in ('{"number":"old","who":"bo","at":""}', "{"):
        file.write_text(text)
        (question,) = open_questions(tmp_path)
        assert Answer("old", "bo", "").number != question.number
    assert {} == came
    stop.set()
    await_that(lambda: came, 5, "its end")
    assert "asks again" in came["rack-1"]
