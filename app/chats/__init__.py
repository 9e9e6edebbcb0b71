"""Talk between a buyer and a seller: conversations and their messages, kept in MongoDB.

A conversation is about a product, or bound to one seller's part of an order. Its messages are
numbered without gaps, so an open page knows what it has missed. A message is stored once whatever
is sent again, and what follows from it (unread marks, news, events) is made up for by a sweep if
the process ended in between. PostgreSQL knows nothing of it; users, products and orders are known
by their ids.
"""
