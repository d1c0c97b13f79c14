"""Becomes a given program, after making sure that it dies with its supervisor.

    python -I -S child.py SUPERVISOR_PID PROGRAM [ARGUMENT...]

The kernel kills a process with PR_SET_PDEATHSIG when the THREAD that started it ends, kill -9 of
the whole process included; the setting survives the exec and so reaches Java and a ctypes server
(prctl(2)). A supervisor that dies before the setting is made is noticed by its pid. SIGKILL and not
SIGTERM: nobody is left to insist.

Run as a file and without site-packages: it costs 15 ms a start.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
SUPERVISOR_GONE = 125
CANNOT_START = 126


def main(argv: list[str]) -> int:
    """Never returns when all is well; otherwise the exit status."""
    supervisor_pid, program = int(argv[0]), argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        sys.stderr.write(f"prctl: {os.strerror(ctypes.get_errno())}\n")
        return CANNOT_START
    if os.getppid() != supervisor_pid:
        return SUPERVISOR_GONE
    try:
        os.execvp(program[0], program)
    except OSError as error:
        sys.stderr.write(f"{program[0]}: {error.strerror}\n")
        return CANNOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
