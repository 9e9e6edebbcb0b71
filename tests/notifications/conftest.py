"""What the tests of mails share."""

from collections.abc import Callable

import pytest

from tests.support.inbox import Inbox
from tests.support.servers import Servers


@pytest.fixture
def inbox(run_servers: Servers, drain: Callable[[], None]) -> Inbox:
    return Inbox(run_servers.inbox_url, drain)
