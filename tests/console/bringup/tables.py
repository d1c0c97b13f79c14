"""The tables of docs/board.md, as they follow from the plan."""

from msgspec.structs import asdict

from coldplate.console.bringup.plan import MEANINGS, SPARE_MEANINGS, STEP_MEANINGS, Plan
from coldplate.console.bringup.states import WORK


def shown(value):
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return f'"{value}"'
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def rows(*, plan=None):
    """Each table's rows, by the word that stands for it where the page is made."""
    plan = plan or Plan()
    own = asdict(plan)
    steps = [(n, plan.step[n]) for n in WORK]
    return {
        "PLANKEYS": [f"| `{k}` | {shown(own[k])} | {m} |" for k, m in MEANINGS.items()],
        "STEPKEYS": [f"| `{k}` | {m} |" for k, m in STEP_MEANINGS.items()],
        "SPAREKEYS": [f"| `{k}` | {m} |" for k, m in SPARE_MEANINGS.items()],
        "STEPS": [
            f"| `{n}` | {s.hours:g} | {s.resource or '-'} | {plan.resource.get(s.resource, '-')} | {s.fail_ratio:g} | {s.rework_h:g} | {s.again_ratio:g} |"
            for n, s in steps
        ],
        "SPARES": [
            f"| `{n}` | {s.step} | {s.need_ratio:g} | {s.stock:g} | {s.per_day:g} | {shown(s.causes)} |" for n, s in plan.spare.items()
        ],
    }  # fmt: skip
