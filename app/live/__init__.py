"""Sockets: live updates of open pages, served by the `chat` role. Whose which topic is, is told."""
