"""Why a socket is closed: codes of our own range (RFC 6455, section 7.4.2)."""

from enum import IntEnum


class Close(IntEnum):
    """The close code that tells the page why."""

    UNAUTHENTICATED = 4401  # no good ticket, or the login has ended
    FOREIGN_ORIGIN = 4403
    TOO_MANY = 4429  # sockets of one visitor, or messages on one socket
    TRY_AGAIN = 1013
