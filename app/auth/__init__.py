"""People: who they are, how they prove it, what roles they have.

A user's `session_epoch` moves with a ban, a password change, a change of roles or "log out
everywhere"; whatever proof of an older epoch is shown (cookie, socket, token) is refused at once.
"""
