"""The gate over gRPC: proto/byteshop/auth/v1/auth.proto, its server and its client.

Owns no data and decides nothing: the server translates for `app.auth.gate.LocalGate`, the client
back. Promises: nobody without the service's token is answered; no trace leaves the process; what
the client remembers is dropped the moment the stream of revocations names it or falls silent; what
the server remembers, before the revocation returns.
"""
