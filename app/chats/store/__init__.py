"""The only room that knows MongoDB. https://www.mongodb.com/docs/languages/python/pymongo-driver/

Each function raises `ChatsUnavailable` where MongoDB can't be reached in time. Every filter is made
of values whose types were checked: no operator can come from outside.
"""
