"""Sellers' names in addresses."""

from urllib.parse import unquote

from werkzeug.routing import PathConverter


class SellerName(PathConverter):
    """A name, written once more in percents where parts of it would lead to another page.

    Servers and browsers read `/`, `.` and `..` as steps, and `-/` begins a seller's id.
    """

    def to_python(self, value: str) -> str:
        """The name of an address."""
        return unquote(value)

    def to_url(self, value: str) -> str:
        """The address of a name."""
        if "/" in value or unquote(value) != value or not value.strip("."):
            value = value.replace("%", "%25").replace("/", "%2F").replace(".", "%2E")
        return super().to_url(value)
