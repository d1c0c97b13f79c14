"""Records of incidents and actions about them, by the dozen."""

from hypothesis import strategies as st

from coldplate.wire.action import Action, Outcome, Verb
from coldplate.wire.incident import Incident, Severity, State

T0_MS = 1_790_000_000_000


def incident(step=0, state="open", severity="warning", id_="aa11", **more):
    """A pump that stopped; step after step a second later."""
    at_ms = T0_MS + step * 1000
    given = {
        "kind": "pump-stop", "subject": "rack-0003/cdu", "rack": "rack-0003", "cause": "It stopped.",
        "closed_ms": at_ms if state == "closed" else None, "updated_ms": at_ms, "opened_ms": T0_MS,
        "first_tick_ms": T0_MS, "cluster": "test",
    }  # fmt: skip
    return Incident(
        id=id_, step=step, state=State(state), severity=Severity(severity), **(given | more)
    )


def action(verb, n=0, id_="aa11", **more):
    """What Ada did, the n-th thing."""
    given = {"cluster": "test", "t_ms": T0_MS + 500 + n * 1000, "who": "ada"}
    return Action(id=f"a{n:03}", verb=Verb(verb), incident=id_, **(given | more))


severities = st.sampled_from(["info", "ticket", "warning", "critical"])
states = st.sampled_from(["open", "open", "open", "closed"])


@st.composite
def episodes(draw, steps_max=8, actions_max=6):
    """An incident's records in order, and actions about it in order."""
    told = draw(st.lists(st.tuples(states, severities), min_size=1, max_size=steps_max))
    records = [incident(step, *what) for step, what in enumerate(told)]
    verbs = draw(st.lists(st.sampled_from(["ack", "close", "mark", "note"]), max_size=actions_max))
    actions = [
        action(
            verb, n, who=draw(st.sampled_from(["ada", "bo"])), step=draw(st.integers(0, len(told))),
            outcome=draw(st.sampled_from(list(Outcome))) if verb == "mark" else None, text=f"text {n}",
        )
        for n, verb in enumerate(verbs)
    ]  # fmt: skip
    return records, actions


def interleaved(random, *queues):
    """The queues' members in one list, each queue in its order."""
    left = [list(q) for q in queues if q]
    out = []
    while left:
        queue = random.choice(left)
        out.append(queue.pop(0))
        left = [q for q in left if q]
    return out
