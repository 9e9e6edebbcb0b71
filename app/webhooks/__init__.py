"""Outgoing webhooks: sellers' services hear of sales and stock, by Standard Webhooks.

A message is written with the change it tells of and sent afterwards, again and again until it is
taken, in order for each order and each product. https://www.standardwebhooks.com
"""
