"""The certificates that PayPal's events were signed with, kept for processes that begin anew."""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from app.kit.db import end_read, session, transactional
from app.payments.models import SignerCertificate

KEPT = timedelta(days=1)


def kept(url: str) -> bytes | None:
    """The chain that was fetched from this address within the last day, if it was trusted."""
    chain = session().scalar(
        select(SignerCertificate.chain).where(
            SignerCertificate.url == url,
            SignerCertificate.fetched_at > func.clock_timestamp() - KEPT,
        )
    )
    end_read()
    return chain


@transactional
def keep(url: str, chain: bytes) -> None:
    """Keep a chain that is trusted; what is older than a day goes."""
    session().execute(
        delete(SignerCertificate).where(
            SignerCertificate.fetched_at <= func.statement_timestamp() - KEPT
        )
    )
    row = insert(SignerCertificate).values(url=url, chain=chain)
    session().execute(
        row.on_conflict_do_update(
            index_elements=["url"],
            set_={"chain": row.excluded.chain, "fetched_at": func.clock_timestamp()},
        )
    )
