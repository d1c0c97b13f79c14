"""What ends a command: one sentence that says what, where and what to do, and an exit code."""


class Failure(Exception):  # noqa: N818  it is told to a person, not handled
    """A command cannot do what it was asked.

    Parameters
    ----------
    message
        For a person: what happened, to what, what to do.
    exit_code
        1 for a result that is not good, 2 for wrong input, 3 for a service that is not there.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


BAD_INPUT = 2
NOT_THERE = 3
