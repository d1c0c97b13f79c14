"""The detectors' parameters of a file, as commands want them."""

import logging
from pathlib import Path

from coldplate.console.failure import BAD_INPUT, Failure
from coldplate.streams.parameters import Parameters, ParametersError, load_parameters
from coldplate.wire.inventory import Inventory

log = logging.getLogger(__name__)


def parameters_of_file(path: Path | None, inventory: Inventory | None = None) -> Parameters:
    """Parameters of a file; the detectors' own without one.

    An override that holds for no device of the inventory is logged and kept: its rack may be on the way.

    Raises
    ------
    Failure
        With file and line, what is allowed and what to do.
    """
    if path is None:
        return Parameters()
    try:
        found = load_parameters(path)
    except ParametersError as error:
        raise Failure(str(error), BAD_INPUT) from None
    for override in found.nowhere(inventory) if inventory is not None else ():
        log.warning(
            "%s line %s: no device of the inventory has %s %r",
            path, override.line, override.place, override.value,
        )  # fmt: skip
    return found
