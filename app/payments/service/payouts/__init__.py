"""Payouts: sellers' money on its way to them, by PayPal's Payouts.

`starting` sets the money aside and writes the batch, before PayPal is asked; `sending` asks for it,
once, whatever becomes of the answer; `following` books what becomes of each payout; `deciding` is
what people have done about one.
"""
