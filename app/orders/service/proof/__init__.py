"""What the shop says to a dispute: put together by itself, looked at by people, sent once.

Whoever knows something about an order is a source: `wiring.EVIDENCE` lists them, those of rooms
above this one too. What comes of them is a document in English, which PayPal's people read.
"""
