"""The use cases of payments: paying, recording PayPal's word, the inbox of webhooks, the ledger."""
