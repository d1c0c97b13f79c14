"""What can go wrong with a Modbus device, told apart by what helps."""


class MapError(ValueError):
    """A map file is wrong; the message says which file, which register, and what to do."""


class ModbusError(RuntimeError):
    """A request was not answered with values.

    Parameters
    ----------
    reason
        `unreachable` (no connection), `timeout`, `refused` (the device's own exception code), `error`.
    text
        One line for people.
    code
        The exception code of a refusal; None otherwise.
    """

    def __init__(self, reason: str, text: str, code: int | None = None) -> None:
        super().__init__(text)
        self.reason, self.code = reason, code
