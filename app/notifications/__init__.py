"""Emails about events in the other domains. They never contain a sold key or text."""
