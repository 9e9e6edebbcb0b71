"""What happens in conversations, one room for each kind of use case.

None of it is a transaction of PostgreSQL: rights are checked first, then MongoDB is written to, and
what follows is announced. What was interrupted in between is made up for by a sweep.
"""
