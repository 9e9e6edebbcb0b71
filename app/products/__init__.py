"""Products and their stock.

A product is `draft → published ⇄ hidden → removed`. A unit of stock is `free → reserved → sold`,
or `withdrawn`; it is encrypted at rest and decrypted only for a reveal. A value exists only
once in the marketplace: its keyed fingerprint is unique.
"""
