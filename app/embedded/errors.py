"""What can go wrong while servers start."""


class StartFailed(Exception):
    """A server or the shop cannot start; the message is a sentence for the person at the terminal."""
