"""What notifications promise."""

from app.kit.promises import Promise, append_only, promise
from app.notifications.models import UNREAD

PROMISES: list[Promise] = [
    append_only("what is known of mails about orders never changes", ["mail_record"]),
    promise(
        "the number beside each person is that of their unread notifications",
        f"""
        SELECT coalesce(c.user_id, n.user_id)
        FROM (SELECT * FROM user_count WHERE name = '{UNREAD}') c
        FULL JOIN (SELECT user_id, count(*) AS unread FROM notification
                WHERE read_at IS NULL GROUP BY user_id) n ON n.user_id = c.user_id
        WHERE coalesce(c.count, 0) <> coalesce(n.unread, 0)""",  # noqa: S608  # the name is ours
    ),
    promise(
        "who has something for a daily mail has one planned",
        """
        SELECT n.user_id FROM notification n
        LEFT JOIN notification_digest d ON d.user_id = n.user_id
        WHERE n.awaits_digest AND d.due_at IS NULL""",
    ),
]
