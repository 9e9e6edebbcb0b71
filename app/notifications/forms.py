"""The form of what goes out by mail."""

from collections.abc import Collection, Mapping
from typing import Self

from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice

from app.kit.forms import Form
from app.notifications.kinds import KINDS
from app.notifications.models import MailMode, NotificationKind

MODES = {
    MailMode.AT_ONCE: _l("At once"),
    MailMode.DAILY: _l("Once a day"),
    MailMode.NEVER: _l("Never"),
}


class PreferencesForm(Form):
    """A choice for each kind of which there is one; each field is called like its kind."""

    @classmethod
    def of(
        cls,
        kinds: Collection[NotificationKind],
        modes: Mapping[NotificationKind, MailMode] | None = None,
    ) -> Self:
        """The form of these kinds; filled with `modes`, or with what was sent."""
        fields = {
            kind.value: RadioField(
                KINDS[kind].label,
                choices=[SelectChoice(mode.value, label) for mode, label in MODES.items()],
                description=KINDS[kind].about,
            )
            for kind in kinds
        }
        made = type(cls.__name__, (cls,), fields)
        if modes is None:
            return made()  # type: ignore[no-any-return]  # of a class made here
        return made(formdata=None, data={kind.value: modes[kind] for kind in kinds})  # type: ignore[no-any-return]

    def modes(self, kinds: Collection[NotificationKind]) -> dict[NotificationKind, MailMode]:
        """What was chosen."""
        return {kind: MailMode(self[kind.value].data) for kind in kinds}
