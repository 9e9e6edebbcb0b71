"""PayPal in the buyer's browser: the script that draws its buttons, and the hosts it comes from."""

from urllib.parse import urlencode, urlsplit

from app.kit.headers import OtherSite
from app.settings import Settings

# https://developer.paypal.com/sdk/js/configuration/#csp
HOSTS = ("https://*.paypal.com", "https://*.paypalobjects.com", "https://*.venmo.com")
LOCALES = {"en": "en_US", "ru": "ru_RU"}
_THIS_MACHINE = {"127.0.0.1", "localhost"}


def paypal_site(web_url: str) -> OtherSite:
    """What a page with PayPal's buttons may load and where it leads; the sandbox by its address."""
    web = urlsplit(web_url)
    origin = f"{web.scheme}://{web.netloc}"
    hosts = (*HOSTS, origin) if web.hostname in _THIS_MACHINE else HOSTS
    return OtherSite(hosts=hosts, form_targets=(origin,))


def script_url(settings: Settings, language: str) -> str:
    """The address of PayPal's script: https://developer.paypal.com/sdk/js/configuration/."""
    query = urlencode(
        {
            "client-id": settings.paypal_client_id,
            "currency": settings.currency,
            "intent": "capture",
            "components": "buttons",
            "locale": LOCALES[language],
        }
    )
    return f"{settings.paypal_web_url.rstrip('/')}/sdk/js?{query}"
