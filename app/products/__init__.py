"""Goods: what sellers offer, and the stock behind it.

A product is `draft → published ⇄ hidden → removed`. A unit of stock is `free → reserved → sold`,
or `withdrawn`; it is sealed at rest and leaves its seal in the reveal alone. A value stands in
the market once: its keyed fingerprint is unique.
"""
