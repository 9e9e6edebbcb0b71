"""What administrators may not do."""

from flask_babel import gettext as _

from app.kit.errors import Conflict


class NotYourself(Conflict):
    """Nobody bans themselves, or gives up being the one who could take it back."""

    def __init__(self) -> None:
        super().__init__("admin.not_yourself", _("You can't do this to your own account."))
