"""Users: their identity, authentication and roles.

A user's `session_epoch` moves with a ban, a password change, a change of roles or "log out
everywhere"; cookies, sockets and tokens of an older epoch are refused at once.
"""
