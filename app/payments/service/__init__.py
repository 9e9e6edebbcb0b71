"""The use cases of payments: paying, the inbox of webhooks, the ledger."""
