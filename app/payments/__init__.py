"""Money: payments through PayPal, its webhooks, and the double-entry ledger.

A payment is `created → capturing → settled | pending | declined | failed | mismatched`. It knows
what it pays for by an opaque `reference` only. Only a capture that PayPal calls COMPLETED, with
our amount, currency, payee and custom id, settles it; money that
came otherwise is `mismatched`, and a person has to look.
"""
