"""The first view of the catalogue on a phone: processor and line are slowed down as by Lighthouse.

https://github.com/GoogleChrome/lighthouse/blob/main/docs/throttling.md calls the line "slow 4G".
What counts is what the browser itself says: https://web.dev/articles/lcp, https://web.dev/articles/cls.
"""

from dataclasses import dataclass
from statistics import median

from flask import Flask
from playwright.sync_api import Browser, sync_playwright

from app.demo import data as demo
from bench.figures import Figure
from tests.support.browser import chromium_path
from tests.support.shop import Shop

WIDTH, HEIGHT, DENSITY = 390, 844, 2
SLOWER = 4
LINE = {
    "offline": False,
    "latency": 150,  # milliseconds
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 750e3 / 8,
}
VISITS = 5
PATHS = {"catalogue": "/products", "front page": "/"}
WATCH = """
window.seen = { painted: 0, moved: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.seen.painted = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.seen.moved += one.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass(frozen=True)
class View:
    """What one first view was like."""

    painted: float  # milliseconds until the largest thing in view stood there
    moved: float  # how much of the view jumped, and how far
    kilobytes: float  # all that was sent, headers included


def run(application: Flask, shop: Shop) -> list[Figure]:
    """Each page several times, by a browser that has nothing yet."""
    with application.app_context():
        demo.fill()
    shop.start("web")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        views = {
            name: [_first_view(browser, shop.url + path) for _n in range(VISITS)]
            for name, path in PATHS.items()
        }
        browser.close()
    return [figure for name, seen in views.items() for figure in _figures(name, seen)]


def _figures(name: str, views: list[View]) -> list[Figure]:
    painted, moved, kilobytes = (
        median(getattr(view, field) for view in views)
        for field in ("painted", "moved", "kilobytes")
    )
    return [
        Figure(f"{name}, largest paint", painted / 1000, "s", at_most=1.8),
        Figure(f"{name}, layout shift", moved, "", at_most=0.02),
        Figure(f"{name}, sent in all", kilobytes, "kB", at_most=200),
    ]


def _first_view(browser: Browser, url: str) -> View:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT},
        device_scale_factor=DENSITY,
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    page.add_init_script(WATCH)
    tools = context.new_cdp_session(page)
    sent: list[float] = []
    tools.on("Network.loadingFinished", lambda event: sent.append(event["encodedDataLength"]))
    tools.send("Network.enable")
    tools.send("Network.emulateNetworkConditions", LINE)
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.goto(url, wait_until="networkidle")
    seen = page.evaluate("window.seen")
    context.close()
    return View(seen["painted"], seen["moved"], sum(sent) / 1000)
