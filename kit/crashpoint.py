"""Named lines at which a process can be told to die, so that tests can kill it exactly there.

Armed by the setting `<SERVICE>_CRASH_AT`, which the `prod` profile refuses.
"""

import os
import signal

_armed = ""


def arm(name: str) -> None:
    """Make the process die by SIGKILL when it reaches the crash point of that name; "" disarms."""
    global _armed
    _armed = name


def crashpoint(name: str) -> None:
    """Die here without cleaning up, if this crash point is armed; otherwise do nothing."""
    if name == _armed:
        os.kill(os.getpid(), signal.SIGKILL)
        # the first process of a container is not killed by itself
        os._exit(128 + signal.SIGKILL)
