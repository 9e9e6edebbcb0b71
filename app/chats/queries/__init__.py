"""Conversations as people see them: names and things from PostgreSQL, words from MongoDB."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.auth import queries as auth
from app.chats import policy, texts
from app.chats.errors import NoSuchConversation, NoSuchMessage
from app.chats.models import (
    About,
    Conversation,
    Membership,
    Message,
    Settings,
    Side,
)
from app.chats.store import conversations, messages, people
from app.kit.db import end_read
from app.kit.paging import MOST_COUNTED as MOST_OF_ALL
from app.kit.paging import PAGE_SIZE, Moment, Page, cut, decode_cursor
from app.orders.queries.talks import SellersPart, sellers_part, titles_of
from app.products.queries import cards
from app.products.queries.cards import ProductCard

WINDOW = 50  # messages on one page
QUOTED = 200  # characters of the message that another one answers
CATCH_UP = 200  # messages that an open page gets at once
OVERLAP = timedelta(seconds=10)  # between clocks of two servers
SHORTEST_BEGINNING = 2  # letters
MOST_SEARCHED = 500  # conversations whose people's names are looked at


@dataclass(frozen=True)
class Talk:
    """A conversation in its person's list."""

    part: Membership
    conversation: Conversation
    names: dict[UUID, str]
    title: str

    @property
    def other_name(self) -> str:
        """Whom it is with."""
        if self.part.other_id is not None:
            return self.names.get(self.part.other_id, "")
        return " · ".join(self.names.get(one, "") for one in self.conversation.people)


@dataclass(frozen=True)
class Taken:
    """Somebody's part in a conversation, with those of all who take part."""

    conversation: Conversation
    own: Membership
    parts: list[Membership]

    @property
    def other_read(self) -> int:
        """The number up to which others of the two have read."""
        own = self.own.user_id
        two = (one for one in self.parts if one.side is not Side.MODERATOR and one.user_id != own)
        return max((part.read for part in two), default=0)


@dataclass(frozen=True)
class Thread:
    """An open conversation: some of its messages, and all that stands around them."""

    talk: Talk
    messages: list[Message]
    last_seq: int
    other_read: int  # the number up to which the other one has read
    product: ProductCard | None
    order: SellersPart | None
    away: str
    blocked: bool  # by the one who looks
    as_of: datetime

    @property
    def first_seq(self) -> int:
        """The number of the first message shown; 1 where there is none before."""
        return self.messages[0].seq if self.messages else 1


@dataclass(frozen=True)
class News:
    """What an open page has missed."""

    talk: Talk
    previous: Message | None  # the last one that the page has
    new: list[Message]
    changed: list[Message]
    last_seq: int
    other_read: int
    as_of: datetime
    after: int  # what the page had
    first: int


@dataclass(frozen=True)
class Numbered:
    """Messages in their order, and what is known besides."""

    messages: list[Message]
    last_seq: int
    other_read: int


@dataclass(frozen=True)
class Arrived:
    """A message as it reaches one of those to whom it was written, who is `side` there."""

    message: Message
    conversation: Conversation
    side: Side
    sender_name: str


@dataclass(frozen=True)
class Found:
    """A message with the words of a search, and its conversation."""

    message: Message
    talk: Talk


def inbox(
    user_id: UUID,
    *,
    after: str | None = None,
    size: int = PAGE_SIZE,
    unread: bool = False,
    counted: bool = False,
) -> Page[Talk]:
    """Somebody's conversations, the newest message first; Invalid for a broken cursor."""
    before = decode_cursor(after, tuple[Moment, str]) if after else None
    rows = conversations.parts_of(user_id, before=before, size=size + 1, unread=unread)
    page = cut(rows, size, lambda row: (row[0].last_at, row[1]))
    most = MOST_OF_ALL + 1
    total = conversations.count(user_id, unread=unread, most=most) if counted else None
    talks = talks_of([part for part, _id in page.items])
    return Page(talks, page.next_cursor, total, MOST_OF_ALL)


def talks_with(user_id: UUID, words: str) -> list[Talk]:
    """Those of somebody's last conversations whose other person or thing is named like this."""
    rows = conversations.parts_of(user_id, before=None, size=MOST_SEARCHED)
    sought = texts.words_of(words)
    talks = talks_of([part for part, _id in rows])
    return [
        talk
        for talk in talks
        if all(_begins(word, f"{talk.other_name} {talk.title}") for word in sought)
    ][:PAGE_SIZE]


def _begins(word: str, text: str) -> bool:
    return any(one.startswith(word) for one in texts.words_of(text))


def search(user_id: UUID, words: str) -> list[Found]:
    """The newest messages of somebody's conversations with all these words, the last one begun.

    A single letter begins too much: it is looked for as a word.
    """
    sought = texts.words_of(words)
    if not sought:
        return []
    *whole, last = sought
    begins = len(last) >= SHORTEST_BEGINNING
    whole = sorted(whole if begins else sought, key=len, reverse=True)  # the rarest first
    found = messages.search(
        [texts.mark(user_id, word) for word in whole],
        texts.mark(user_id, last) if begins else None,
    )
    ids = {message.conversation_id for message in found}
    rows = conversations.parts_of(user_id, before=None, size=len(ids), ids=ids) if ids else []
    talks = {talk.conversation.id: talk for talk in talks_of([part for part, _id in rows])}
    return [
        Found(message, talks[message.conversation_id])
        for message in found
        if message.conversation_id in talks
    ]


def quoting(message: Message) -> Message:
    """A message with what the one that it answers says now."""
    return _quoting([message])[0]


def _quoting(found: Sequence[Message]) -> list[Message]:
    """These messages of one conversation, with what those that they answer say now."""
    numbers = {message.reply.seq for message in found if message.reply}
    said = messages.texts_of(found[0].conversation_id, numbers) if numbers else {}
    return [
        replace(one, reply=replace(one.reply, text=said.get(one.reply.seq, "")[:QUOTED]))
        if one.reply
        else one
        for one in found
    ]


def part_of(user_id: UUID, conversation_id: UUID) -> Membership:
    """This person's part in a conversation; NoSuchConversation to strangers."""
    part = conversations.part_of(conversation_id, user_id)
    if part is None:
        raise NoSuchConversation
    return part


def taken_part(user_id: UUID, conversation_id: UUID) -> Taken:
    """This person's part in a conversation and what is around it; NoSuchConversation."""
    end_read()
    parts = conversations.parts_in(conversation_id)
    own = next((part for part in parts if part.user_id == user_id), None)
    conversation = conversations.find(conversation_id) if own else None
    if own is None or conversation is None:
        raise NoSuchConversation
    return Taken(conversation, own, parts)


def thread(taken: Taken, *, before: int | None = None) -> Thread:
    """A conversation at its end, or the messages before this one."""
    conversation, own = taken.conversation, taken.own
    order = _order(conversation)
    as_of = datetime.now(UTC)
    if before is None:
        # Above the last one that is known there may be some whose marks are not made yet.
        shown = messages.between(conversation.id, own.seq - WINDOW + 1, own.seq + WINDOW)[-WINDOW:]
    else:
        shown = messages.between(conversation.id, before - WINDOW, before - 1)
    product = cards.by_id([conversation.product_id]) if conversation.product_id else []
    talk = _talk(taken)
    other = talk.part.other_id
    return Thread(
        talk=talk,
        messages=_quoting(shown),
        last_seq=max(own.seq, shown[-1].seq if shown else 0),
        other_read=taken.other_read,
        product=product[0] if product else None,
        order=order,
        away=people.settings_of(other).away if other else "",
        blocked=any(part.user_id == other and part.shut for part in taken.parts),
        as_of=as_of,
    )


def news(taken: Taken, *, after: int, first: int, since: datetime | None) -> News:
    """What came after this number, and what changed since, of the messages from `first` on."""
    conversation_id = taken.conversation.id
    as_of = datetime.now(UTC)
    known = messages.between(conversation_id, after, after + CATCH_UP)
    new = [message for message in known if message.seq > after]
    shown_from = max(first, after - CATCH_UP)
    changed = messages.changed_since(conversation_id, shown_from, since - OVERLAP) if since else []
    if changed:
        numbers = {message.seq for message in changed}
        answers = messages.answers_to(conversation_id, numbers, shown_from)
        changed += [answer for answer in answers if answer.seq not in numbers]
    return News(
        talk=_talk(taken),
        previous=known[0] if known and known[0].seq == after else None,
        new=_quoting(new),
        changed=_quoting([message for message in changed if message.seq <= after]),
        last_seq=max(taken.own.seq, new[-1].seq if new else after),
        other_read=taken.other_read,
        as_of=as_of,
        after=after,
        first=first,
    )


def page_of(taken: Taken, *, after: int | None, before: int | None, size: int) -> Numbered:
    """Messages after or before one, or the last ones, in their order."""
    conversation_id, own = taken.conversation.id, taken.own
    if after is not None:
        found = messages.between(conversation_id, after + 1, after + size)
    else:
        last = before - 1 if before is not None else own.seq
        found = messages.between(conversation_id, last - size + 1, last)
    last_seq = max(own.seq, found[-1].seq if found else 0)
    return Numbered(_quoting(found), last_seq, taken.other_read)


def number_of(user_id: UUID, conversation_id: UUID, message_id: UUID) -> int:
    """The number of a message in this person's conversation; NoSuchMessage."""
    taken_part(user_id, conversation_id)
    message = messages.find_by_id(message_id)
    if message is None or message.conversation_id != conversation_id:
        raise NoSuchMessage
    return message.seq


def own_message(user_id: UUID, conversation_id: UUID, seq: int) -> Message:
    """A message that this person has written; NoSuchMessage."""
    message = messages.find(conversation_id, seq)
    if message is None or message.sender_id != user_id:
        raise NoSuchMessage
    return message


def changeable_message(user_id: UUID, conversation_id: UUID, seq: int) -> Message:
    """One that they may still change; NoSuchConversation, NoSuchMessage, TooLateToChange."""
    taken_part(user_id, conversation_id)
    message = own_message(user_id, conversation_id, seq)
    policy.check_changeable(message, user_id)
    return message


def settings_of(user_id: UUID) -> Settings:
    """What this person has set for all their conversations."""
    return people.settings_of(user_id)


def talk_of(user_id: UUID, conversation_id: UUID) -> Talk:
    """A conversation as it stands in its person's list; NoSuchConversation."""
    return _talk(taken_part(user_id, conversation_id))


def arrived(message_id: UUID, recipient_id: UUID) -> Arrived | None:
    """A message for one of those it was written to; None once it is deleted, and for others."""
    message = messages.find_by_id(message_id)
    if message is None or message.sender_id is None or message.deleted_at is not None:
        return None
    part = conversations.part_of(message.conversation_id, recipient_id)
    conversation = conversations.find(message.conversation_id) if part else None
    if part is None or conversation is None:
        return None
    names = _names([message.sender_id])
    end_read()
    return Arrived(message, conversation, part.side, names.get(message.sender_id, ""))


def unread_count(user_id: UUID) -> int:
    """In how many conversations somebody has something to read: at most one more than 99."""
    return conversations.unread_count(user_id)


def _order(conversation: Conversation) -> SellersPart | None:
    if conversation.about is not About.ORDER or conversation.order_id is None:
        return None
    part = sellers_part(conversation.order_id, conversation.seller_id)
    end_read()
    return part


def _talk(taken: Taken) -> Talk:
    [talk] = talks_of([taken.own], {taken.conversation.id: taken.conversation})
    return talk


def talks_of(
    parts: Sequence[Membership], known: dict[UUID, Conversation] | None = None
) -> list[Talk]:
    """The conversations of these parts with people's names and what they are about."""
    end_read()
    found = known or conversations.find_all({part.conversation_id for part in parts})
    names = _names({one for conversation in found.values() for one in conversation.named})
    titles = _titles(found.values())
    end_read()
    return [
        Talk(part, found[part.conversation_id], names, titles.get(part.conversation_id, ""))
        for part in parts
        if part.conversation_id in found
    ]


def _names(ids: Collection[UUID]) -> dict[UUID, str]:
    return {user.id: user.display_name for user in auth.users_by_id(ids).values()}


def _titles(found: Collection[Conversation]) -> dict[UUID, str]:
    """The title of a conversation's product; of an order that of the first thing bought."""
    by_product = [one.product_id for one in found if one.product_id]
    by_order = [one.order_id for one in found if one.order_id]
    products = {card.id: card.title for card in cards.by_id(by_product)} if by_product else {}
    bought = titles_of(by_order) if by_order else {}
    return {
        one.id: products.get(one.product_id, "")
        if one.product_id
        else bought.get((one.order_id, one.seller_id), "")
        for one in found
    }
