"""Real servers from PyPI wheels, for a machine that has none: `make run` and the tests start them.

Owns PostgreSQL, Valkey, the MongoDB protocol and a mail catcher with an inbox page, each on the
loopback interface with its data in a directory of its own; knows no domain. Promises: data
survives a stop, a crash and `kill -9`; a stop leaves no process behind; nobody gets into a store
without the generated password.
"""
