"""The use cases of payments: paying, recording PayPal's word, the events of PayPal, the ledger."""
