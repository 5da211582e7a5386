"""A headless Chromium with the network cut, and what it saw on a page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Playwright's wait_for_function needs eval, which the page's own policy rightly refuses.
UNSETTLED = "figure.crm-chart:not([data-ok]):not(:has(.chart-error))"

# Everything that a reader sees as a mark of the chart: not axes, legends or titles.
MARKS = "svg g[class*='mark-'][class*='role-mark'] > *"


@dataclass
class Visit:
    """A page that was opened, and everything it tried to do."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    screenshot: Path | None = None

    @property
    def figures(self) -> int:
        """How many charts the page has a place for."""
        return self.page.locator("figure.crm-chart").count()

    @property
    def drawn(self) -> int:
        """How many of them were drawn: an SVG with at least one mark, and no error."""
        figures = self.page.locator("figure.crm-chart[data-ok]")
        return sum(figures.nth(i).locator(MARKS).count() > 0 for i in range(figures.count()))

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return int(
            self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by playwright."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no Chromium is installed: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Visit]]:
    """Open a local page at a width, wait until its charts have settled, keep a screenshot."""
    contexts = []

    def open_page(path: Path, width: int = 1280) -> Visit:
        context = browser.new_context(
            offline=True, viewport={"width": width, "height": 900}, device_scale_factor=1
        )
        contexts.append(context)
        seen = Visit(context.new_page())

        def gate(route: Route) -> None:
            if route.request.url.startswith("file:"):
                route.continue_()
            else:
                seen.requests.append(route.request.url)
                route.abort()

        def answer(dialog: object) -> None:
            seen.dialogs.append(dialog.message)
            dialog.dismiss()

        context.route("**/*", gate)
        page = seen.page
        page.on("dialog", answer)
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda line: seen.errors.append(line.text) if line.type == "error" else None)
        page.goto(path.resolve().as_uri())
        page.locator(UNSETTLED).first.wait_for(state="detached", timeout=60_000)
        ARTIFACTS.mkdir(exist_ok=True)
        name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
        seen.screenshot = ARTIFACTS / f"{name}-{path.stem}-{width}.png"
        page.screenshot(path=seen.screenshot, full_page=True)
        return seen

    yield open_page
    for context in contexts:
        context.close()
