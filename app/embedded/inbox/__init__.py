"""The mail catcher's process: an SMTP server, a folder of mails, and the page that shows them.

Started by `python -m app.embedded.inbox`. Every mail is kept as it came (Maildir), so it survives a
restart. The page is for people; `/api/messages` gives the same to tests.
"""
