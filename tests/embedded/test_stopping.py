"""Being told to stop, whatever the program is at."""

import subprocess
import sys

# A signal that comes while an object is taken away: what is raised there goes nowhere.
AT_A_BAD_MOMENT = """
import os, signal
from app.embedded import stopping

class Object:
    def __del__(self):
        os.kill(os.getpid(), signal.{signal})
        [moment for moment in range(1000)]

stopping.listen()
Object()
try:
    stopping.check()
except stopping.Stopped:
    print("stopped")
"""


def test_a_signal_is_not_lost_at_a_bad_moment() -> None:
    for signal in ("SIGINT", "SIGTERM", "SIGHUP"):
        done = subprocess.run(
            [sys.executable, "-c", AT_A_BAD_MOMENT.format(signal=signal)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("stopped\n", ""), signal
