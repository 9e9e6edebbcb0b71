"""Sockets: live updates of open pages, served by the `chat` role.

Who may read which topic is passed in from outside.
"""
