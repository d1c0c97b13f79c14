"""The steps in the order in which they are told; each can be repeated alone."""

from coldplate.console.commission.procedure import Step
from coldplate.console.commission.steps import (
    balance,
    dew_point,
    errors,
    exchanger,
    failover,
    filter,  # noqa: A004  it is about filters
    flow,
    inventory,
    memory,
    meters,
    plates,
    pressure,
    pumps,
    restart,
    rope,
    sensors,
    soak,
    swing,
)

STEPS: tuple[Step, ...] = tuple(
    module.STEP
    for module in (
        pressure, rope, sensors, inventory, filter, flow, dew_point, memory, plates, meters, balance,
        pumps, failover, swing, errors, exchanger, soak, restart,
    )
)  # fmt: skip

BY_NAME = {step.name: step for step in STEPS}
