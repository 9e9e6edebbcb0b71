"""What people are told: one stream for each person, and mails.

A *notification* is a row of its person: a kind, a key and plain values, never prose, so that it is
read in whatever language its person reads by then. It is unique by person, kind and key: an event
that comes again makes no second one, and no second mail. How many are unread stands in
`user_count`, changed in the same transaction; the header shows it on every page.

Each kind goes out by mail as its person chooses: at once, in one mail a day, or never. Mails about
security, and those that are the papers of a purchase (`tasks/mails.py`), are nobody's choice and
were not subscribed to; every other one has a way out that needs no login (RFC 8058).

**A new kind** takes four things:

1. a member of `models.NotificationKind`, and a migration that lets the column have it;
2. a row of `kinds.KINDS`: its icon, for whom it is, how it is mailed unless somebody chooses
   otherwise, its words (made of the notification's values when it is shown) and where it leads;
3. a listener in `tasks/stream.py` that calls `service.notifying.notify` with a key by which the
   event is the same when it comes again, and the values that the words need: ids, names, numbers.
   Never what was sold, nor the text of a private message;
4. a row of `wiring.LISTENERS`, LOCAL: the notification is made once, with the mark that it was.
"""
