"""What can go wrong while servers start."""


class StartFailed(Exception):
    """A server or the shop cannot start; the message tells the person at the terminal why."""
