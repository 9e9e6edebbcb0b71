"""Outgoing webhooks: sellers' services are notified of sales and stock, by Standard Webhooks.

A message is stored in the transaction of its change, sent afterwards and retried until it is
accepted, in order for each order and each product. https://www.standardwebhooks.com
"""
