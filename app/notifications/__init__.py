"""Mails to people about what happened elsewhere in the shop. Never holds a key or a text sold."""
