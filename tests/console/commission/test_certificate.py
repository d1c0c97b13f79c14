"""The certificate: what it holds, that no byte of it can be changed, and its page."""

import json
import re

import pytest
from console.commission.racks import changed, gone, plus, times
from console.job.hall import EVIL

from coldplate.console.commission.certificate import Made, body, sealed, verify
from coldplate.console.commission.limits import Limits
from coldplate.console.commission.order import STEPS
from coldplate.console.commission.page import page_of
from coldplate.console.commission.procedure import run_step
from coldplate.console.commission.signing import Signer, read_public
from coldplate.console.commission.verdict import verdict
from coldplate.console.failure import Failure
from coldplate.console.output import plain
from coldplate.wire.metric import Kind

MADE = Made("ada", 1_800_000_000_000, 1_800_000_600_000, "h200", [{"who": EVIL, "at": "2027-01-15T08:00:00Z", "what": "x"}])  # fmt: skip


def told_of(evidence):
    outcomes = [run_step(step, evidence, Limits()) for step in STEPS]
    return body(MADE, evidence, Limits(), outcomes, verdict(evidence.rack, outcomes))


@pytest.fixture
def signed(healthy, tmp_path):
    """A certificate's file, and its key's public half."""
    signer = Signer(tmp_path / "key.pem", make=True)
    path = tmp_path / "rack.cert.json"
    path.write_text(sealed(told_of(healthy), signer), "utf-8")
    return path, tmp_path / "key.pub"


def test_it_tells_all_that_acceptance_rests_on(signed):
    """Who, when, limits, sensors, how sure, and the baseline of every GPU and node."""
    told = verify(signed[0], read_public(signed[1]))
    assert ("accepted", "ada", []) == (told["verdict"], told["made_by"], told["held"])
    assert 64 == len(told["baseline"]["r_k_per_w"])
    assert 1.0 == pytest.approx(sum(told["baseline"]["share_ratio"]), abs=1e-3)
    assert {"approach_k", "of_clean_ratio", "head_of_curve_ratio"} <= set(told["baseline"])
    assert 0 < told["sure"]["r_k_per_w"] < 0.001
    assert {"of", "idle", "half", "full", "failover", "soak"} == set(told["sensors"]["gpu.gpu_c"])
    assert {64} == set(told["sensors"]["gpu.gpu_c"].values())
    assert 0.1 == told["limits"]["r_ratio"]


def test_one_other_byte_is_refused(signed):
    """Wherever it is: in a number, a blank, the signature or the key; and a byte more or less too."""
    path, _ = signed
    whole = path.read_bytes()
    places = [*range(0, len(whole), 997), *range(len(whole) - 260, len(whole))]
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Failure, match="not what was signed"):
            verify(path)
    for other in (whole + b"\n", whole[:-1], b"", b"{}", b"\xff", whole.replace(b",", b", ", 1)):
        path.write_bytes(other)
        with pytest.raises(Failure, match="not what was signed"):
            verify(path)
    path.write_bytes(whole)
    assert "rack-0000" == verify(path)["rack"]


def test_another_key_is_refused(signed, tmp_path):
    """A certificate that somebody else signed anew is genuine and still not the site's."""
    Signer(tmp_path / "other.pem", make=True)
    with pytest.raises(Failure, match="another key signed it"):
        verify(signed[0], read_public(tmp_path / "other.pub"))


def test_a_key_is_its_owners_alone(signed, tmp_path):
    """Others may not read it, and what is no key is said to be none."""
    key = tmp_path / "key.pem"
    assert 0o600 == key.stat().st_mode & 0o777
    key.chmod(0o644)
    with pytest.raises(Failure, match="others may read it"):
        Signer(key)
    (none := tmp_path / "none.pem").write_text("x")
    none.chmod(0o600)
    for read in (Signer, read_public):
        with pytest.raises(Failure, match="Ed25519"):
            read(none)


def test_a_verdict_holds_back_what_is_wrong(healthy):
    """A node with little flow is one coupling to reseat, and the rest of the rack is accepted."""
    ill = changed(healthy, ["idle", "full"], Kind.NODE, times(0.8, 5), "node_flow_lpm")
    ill = changed(ill, ["full"], Kind.CDU, times(0.975), "flow_lpm")
    ill = changed(ill, ["full"], Kind.GPU, plus(3.0, slice(40, 48)), "gpu_c")
    told = told_of(ill)
    assert "accepted in part (node-5 held back)" == told["told"]
    assert [("coupling", "rack-0000/node-5")] == [(f["cause"], f["subject"]) for f in told["findings"]]  # fmt: skip
    held = told_of(changed(healthy, ["rope"], Kind.CDU, times(0.0), "leak"))
    assert ("held", 64) == (held["verdict"], len(held["held"]))


def test_the_page_has_its_pictures_and_nothing_else_runs(healthy):
    """R of 64 GPUs, flow split, and both courses of the failover; a name that is markup stays text."""
    page = page_of(told_of(healthy) | {"key": "abc"})
    assert 4 == page.count("<svg")
    assert 64 == page.count("<circle")
    assert EVIL not in page
    assert "<script" not in page
    assert re.search(r"mK/W, median 3\d\.\d, each ± 0\.\d", page)
    assert "Nothing: every step has passed" in page


def test_a_page_of_a_rack_that_said_nothing_is_whole(healthy):
    """Instead of an error, and its file holds no number that is none."""
    none = healthy
    for phase in healthy.spans:
        for kind in (Kind.GPU, Kind.NODE, Kind.CDU):
            none = changed(none, [phase], kind, gone(slice(None)))
    told = plain(told_of(none))
    assert "held" == told["verdict"]
    # What all GPUs, and all nodes, have in common is told once.
    assert 4 > len(told["findings"])
    assert any("on all 64 GPUs: absent" in f["what"] for f in told["findings"])
    assert "nothing was measured" in page_of(told)
    assert json.dumps(told, allow_nan=False)
