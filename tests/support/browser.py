"""Headless Chromium for tests of pages, through Selenium, without downloads."""

import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

DESKTOP_PX, PHONE_PX = 1400, 360
DRAWN_WITHIN_S = 60
SCREENSHOTS = "OFABENCH_SCREENSHOTS"  # folder; CI keeps it
DEFAULT_SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "report-screenshots"


def programs() -> tuple[str, str]:
    """Return the paths of Chromium and its driver; skip where either is not installed."""
    result = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if result is None or driver is None:
        missing = "chromium" if result is None else "chromedriver (Debian: chromium-driver)"
        pytest.skip(f"no browser to open pages: {missing} is not installed")
    return result, driver


@contextmanager
def browser(width_px: int, *, scheme: str = "light") -> Iterator["Page"]:
    """Open a browser with a window of this width; a narrow one emulates a phone with touch.

    `scheme` is the reader's preference, light or dark.
    """
    chromium, driver_path = programs()
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    if width_px < 600:
        metrics = {"width": width_px, "height": 740, "pixelRatio": 2.0, "touch": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=Service(executable_path=driver_path))
    try:
        chrome.set_page_load_timeout(DRAWN_WITHIN_S)
        chrome.set_script_timeout(DRAWN_WITHIN_S)
        chrome.set_window_size(width_px, 900)
        page = Page(chrome)
        page.prefer(scheme)
        yield page
    finally:
        chrome.quit()


class Page:
    """A page as displayed, with the browser's console and network logs."""

    def __init__(self, chrome: "Chrome") -> None:
        self.chrome = chrome

    def load(self, path: Path) -> None:
        """Open a file; its logs begin with it."""
        self._log("performance")
        self.chrome.get("about:blank")  # else a page opened twice might still be the first
        self.chrome.get(path.resolve().as_uri())

    def open(self, path: Path) -> None:
        """Open a file and draw all of its charts, as printing does."""
        self.load(path)
        # Polled, as the driver may return before the page's script has run.
        self.wait_for(
            "window.dispatchEvent(new Event('beforeprint'));"
            "const boxes = [...document.querySelectorAll('.figure')];"
            "return boxes.length && boxes.every((box) => box.dataset.drawn === 'done')"
        )

    def prefer(self, scheme: str) -> None:
        """Set the reader's preference, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def download(self, selector: str, folder: Path) -> Path:
        """Click a button that saves a file; return the file."""
        behaviour = {"behavior": "allow", "downloadPath": str(folder)}
        self.chrome.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        before = set(folder.iterdir())
        self.run("document.querySelector(arguments[0]).click()", selector)
        until = time.monotonic() + DRAWN_WITHIN_S
        while True:
            saved = [
                path for path in set(folder.iterdir()) - before if path.suffix != ".crdownload"
            ]
            if saved and not list(folder.glob("*.crdownload")):
                return saved[0]
            assert time.monotonic() < until, f"{selector} saved nothing; {self.complaints()}"
            time.sleep(0.05)

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script in the page and return its value."""
        return self.chrome.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """Return the messages of the browser's console since the last call."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requests(self) -> list[str]:
        """Return the addresses that the page has requested, including its own."""
        result = []
        for entry in self._log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                result.append(str(message["params"]["request"]["url"]))
        return [item for item in result if item != "about:blank"]

    def drawn(self) -> dict[str, int]:
        """Return how many points, lines, bars and cells charts have, the least by section."""
        counts: dict[str, int] = self.run(
            "const least = {};"
            "for (const box of document.querySelectorAll('.figure')) {"
            "  const title = box.closest('section').querySelector('h2').textContent;"
            "  const marks = box.querySelectorAll('.scatterlayer .point, .scatterlayer .js-line,'"
            "    + '.barlayer .point, .heatmaplayer image').length;"
            "  least[title] = Math.min(least[title] ?? Infinity, marks);"
            "} return least"
        )
        return counts

    def point_at(self, section: str, trace: int, point: int) -> str:
        """Move the mouse over a point of a chart and return the text that the page shows."""
        place = self.run(
            "const box = [...document.querySelectorAll('section')].find((element) => "
            "element.querySelector('h2').textContent === arguments[0]).querySelector('.figure');"
            "const layout = box._fullLayout, at = box._fullData[arguments[1]];"
            "const x = layout[at.xaxis.replace('x', 'xaxis')], i = arguments[2];"
            "const y = layout[at.yaxis.replace('y', 'yaxis')];"
            # A chart of several panels is higher than the window, so the point is centred.
            "const far = box.getBoundingClientRect().top + y._offset + y.d2p(at.y[i]);"
            "window.scrollBy({top: far - window.innerHeight / 2, behavior: 'instant'});"
            "const edge = box.getBoundingClientRect();"
            "const left = edge.left + x._offset, top = edge.top + y._offset;"
            "return [left + x.d2p(at.x[i]), top + y.d2p(at.y[i])]",
            section,
            trace,
            point,
        )
        self._mouse_to(place[0] - 3, place[1] - 3)
        self._mouse_to(*place)
        hover = "[...document.querySelectorAll('.hoverlayer .hovertext')]"
        self.wait_for(f"return {hover}.length > 0")
        return str(self.run(f"return {hover}.map((element) => element.textContent).join(' ')"))

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window."""
        from selenium.webdriver.common.action_chains import ActionChains

        self._mouse_to(x, y)
        ActionChains(self.chrome).click().perform()

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        until = time.monotonic() + DRAWN_WITHIN_S
        while not self.run(condition):
            assert time.monotonic() < until, f"never true: {condition}; {self.complaints()}"
            time.sleep(0.05)

    def _log(self, name: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.chrome.get_log(name)  # type: ignore[no-untyped-call]
        return result

    def _mouse_to(self, x: float, y: float) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        mouse = ActionChains(self.chrome, duration=50)
        pointer: Any = mouse.w3c_actions.pointer_action
        pointer.move_to_location(int(x), int(y))
        mouse.perform()

    def overflow_px(self) -> int:
        """Return by how much the page is wider than its window."""
        script = "return document.documentElement.scrollWidth - window.innerWidth"
        return int(self.run(script))

    def screenshot(self, name: str) -> Path:
        """Store a screenshot of the whole page in the folder that CI keeps."""
        folder = Path(os.environ.get(SCREENSHOTS) or DEFAULT_SCREENSHOTS)
        folder.mkdir(parents=True, exist_ok=True)
        size = self.run("return [window.innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], 12000), "scale": 1}
        taken = self.chrome.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        path = folder / f"{name}.png"
        path.write_bytes(base64.b64decode(taken["data"]))
        return path
