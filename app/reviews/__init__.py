"""Reviews of what was bought, sellers' ratings and their public pages.

A review is of one line of a delivered order, by its buyer: a trigger of the database sees to that.
It counts unless it is hidden or deleted; what counts stands in the sums of its product and seller.
"""
