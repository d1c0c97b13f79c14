"""The Containerfiles: what an image may hold and do, what a build sees, and the programs beside them.

`make containers-check` lints them and runs what they run; no container engine was there to build one.
"""

import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from tree import PARTS, PYPROJECT, ROOT, files

from coldplate.console.vitals.options import Local
from coldplate.console.vitals.part import Vitals


def loaded(name):
    """A program of containers/, which is no package."""
    spec = spec_from_file_location(name, ROOT / f"containers/{name}.py")
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


steps, install = loaded("steps"), loaded("install")
CONTAINERFILES = ("Containerfile", "agents/Containerfile")
LABELS = ("title", "description", "licenses", "version", "revision", "created")


def said(containerfile):
    return list(steps.instructions((ROOT / containerfile).read_text("utf-8")))


def rests(containerfile, word, stage=2):
    return [s.rest for s in said(containerfile) if (s.word, s.stage) == (word, stage)]


@pytest.mark.parametrize("containerfile", CONTAINERFILES)
def test_the_base_is_slim_and_pinned_by_an_argument(containerfile):
    """The same for both stages, never `latest`, with room for a digest."""
    bases = [s.rest.removesuffix(" AS build") for s in said(containerfile) if s.word == "FROM"]
    assert ["docker.io/library/python:${PYTHON_TAG}${PYTHON_DIGEST}"] * 2 == bases
    arguments = rests(containerfile, "ARG", 0)
    assert "PYTHON_DIGEST=" in arguments
    assert any(re.fullmatch(r"PYTHON_TAG=3\.\d+-slim-[a-z]+", argument) for argument in arguments)


@pytest.mark.parametrize("containerfile", CONTAINERFILES)
def test_the_last_stage_installs_nothing_and_ends_as_nobody(containerfile):
    """No compiler, no package, no pip, no download; a user by number, as the chart has it; nothing run after that."""
    last = [s for s in said(containerfile) if s.stage == 2]
    words = [s.word for s in last]
    assert "ADD" not in {s.word for s in said(containerfile)}
    assert ["10401:10401"] == rests(containerfile, "USER")
    assert "RUN" not in words[words.index("USER") :]
    (run,) = rests(containerfile, "RUN")
    assert not re.search(r"apt|pip install|gcc|curl|wget|git ", run)
    assert "site-packages/*" in run
    assert "bin/pip*" in run
    assert ["--from=build /opt/coldplate /opt/coldplate"] == rests(containerfile, "COPY")


@pytest.mark.parametrize("containerfile", CONTAINERFILES)
def test_an_image_says_what_it_is_and_how_it_is(containerfile):
    """Labels of the Open Container Initiative, a health check, a signal that ends it, commands without a shell."""
    (labels,) = rests(containerfile, "LABEL")
    assert [] == [x for x in LABELS if f"org.opencontainers.image.{x}=" not in labels]
    assert ["SIGTERM"] == rests(containerfile, "STOPSIGNAL")
    assert [["coldplate"]] == [s.words for s in said(containerfile) if s.word == "ENTRYPOINT"]
    assert [f"coldplate-{PYPROJECT['project']['version']}"] == [
        f"coldplate-{x.partition('=')[2]}" for x in rests(containerfile, "ARG") if "VERSION" in x
    ]


@pytest.mark.parametrize("containerfile", CONTAINERFILES)
def test_the_health_check_follows_what_the_part_says(containerfile):
    """Run as the image would: good when the part is ready, bad while it waits, and when nobody answers."""
    (check,) = rests(containerfile, "HEALTHCHECK")
    _, *words = steps.Instruction(2, "CMD", check.partition(" CMD ")[2]).words
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]

    def healthy():
        env = {**os.environ, "HEALTH_URL": f"http://127.0.0.1:{port}/readyz"}
        ran = subprocess.run([sys.executable, *words], env=env, capture_output=True, timeout=30, check=False)  # fmt: skip
        return ran.returncode == 0

    with Vitals("sink", Local(port=port)) as vitals:
        vitals.take({"waiting_for": ""})
        assert healthy()
        vitals.take({"waiting_for": "ClickHouse"})
        assert not healthy()
    assert not healthy()


@pytest.mark.parametrize("containerfile", CONTAINERFILES)
def test_a_build_sees_the_parts_and_nothing_else(containerfile, tmp_path):
    """All that is packaged, and no test, history, environment or secret that lies in the tree."""
    copies = [s for s in said(containerfile) if (s.stage, s.word) == (1, "COPY")]
    ignored = steps.Ignored((ROOT / ".containerignore").read_text("utf-8"))
    steps.lay_out(ROOT, copies, ignored, tmp_path)
    seen = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    packaged = {p for part in PARTS for p in files(f"{part}/coldplate/*") + files("*") if p.parts[:2] == (part, "coldplate")}  # fmt: skip
    others = {Path(x) for x in ("pyproject.toml", "requirements.lock", "README.md", "LICENSE", "containers/install.py")}  # fmt: skip
    assert packaged | others == seen


def test_both_engines_ignore_the_same():
    """Docker reads one name, Podman the other."""
    assert (ROOT / ".containerignore").read_text() == (ROOT / ".dockerignore").read_text()


def test_a_source_that_a_build_would_not_see_is_told(tmp_path):
    """A COPY beside the list of what may be seen is an error here, before it is one in an engine."""
    copy = steps.Instruction(1, "COPY", "docs docs")
    with pytest.raises(FileNotFoundError, match="docs: a build sees nothing"):
        steps.lay_out(ROOT, [copy], steps.Ignored("*\n!wire/coldplate\n"), tmp_path)


def test_instructions_are_read_with_their_stages_and_continuations():
    """Comments are none, and a line may go on."""
    text = 'ARG A=1\nFROM x AS build\n# no\nRUN a \\\n && b\nFROM y\nCMD ["c", "d e"]\n'
    found = list(steps.instructions(text))
    assert [(0, "ARG"), (1, "FROM"), (1, "RUN"), (2, "FROM"), (2, "CMD")] == [(s.stage, s.word) for s in found]  # fmt: skip
    assert ["a", "&&", "b"] == found[2].words
    assert ["c", "d e"] == found[4].words


def extras(containerfile):
    (run,) = [s for s in said(containerfile) if (s.stage, s.word) == (1, "RUN")]
    assert ["python", "containers/install.py", "/opt/coldplate"] == run.words[:3]
    return set(run.words[3].split(","))


def test_images_have_the_extras_of_their_parts():
    """The agent's has Modbus and nothing of servers; the other has all that runs beside it."""
    known = set(PYPROJECT["project"]["optional-dependencies"])
    assert {"agents", "plant"} == extras("agents/Containerfile") & known
    assert {"streams", "sinks", "dashboards", "twin", "console"} == extras("Containerfile") & known


def test_every_pin_has_hashes():
    """What `--require-hashes` is given is a part of the lock with all that belongs to it."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pins = list(install.PIN.finditer(lock))
    assert len(pins) > 50
    assert [] == [m[1] for m in pins if "--hash=sha256:" not in install._entry(lock, m)]
    assert lock == "".join(install._entry(lock, m) for m in pins)


def test_the_page_of_licences_lists_what_is_locked():
    """Versions as in the lock, every direct dependency of the images, and a licence for each."""
    page = (ROOT / "docs/licences.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()[8:]]
    locked = {install.plain(m[1]): m[0] for m in install.PIN.finditer((ROOT / "requirements.lock").read_text("utf-8"))}  # fmt: skip
    listed = {install.plain(row[0]) for row in rows}
    assert listed <= set(locked)
    assert all(row[2] and {"yes"} == set(row[3:]) - {""} for row in rows)
    of = PYPROJECT["project"]["optional-dependencies"]
    wanted = [*PYPROJECT["project"]["dependencies"]]
    wanted += [line for x in CONTAINERFILES for extra in extras(x) for line in of[extra]]
    names = {install.plain(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in wanted}
    assert set() == names - listed


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo 'No known vulnerabilities found'", 0),
        ("echo 'Found 1 known vulnerability in 1 package'; exit 1", 1),
        ("echo 'could not be audited'; exit 1", 3),
        ("exit 2", 3),
    ],
)
def test_an_audit_that_asked_nobody_is_no_good_result(script, code, tmp_path):
    """Only an answer for every distribution is one."""
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    ran = subprocess.run(
        ["sh", "containers/audit.sh"], cwd=ROOT, env={**os.environ, "PIP_AUDIT": str(program)},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert code == ran.returncode
    assert (code == 3) == ("NOTHING WAS AUDITED" in ran.stderr)
