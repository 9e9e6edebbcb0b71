"""The sale: basket, order, delivery, and the record of who saw what.

An order is `open → approved → paid → delivered`, or `expired`, `cancelled`. A delivery is
`assigned → revealed`. Promises: units are reserved before money is taken; a paid order is
delivered; every step may run twice.
"""
