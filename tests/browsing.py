"""A page as Chromium has it, where there is one on this machine."""

import base64
import hashlib
import html
import os
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
in_a_browser = pytest.mark.skipif(
    BROWSER is None and "UPHILL_NEEDS_BROWSER" not in os.environ, reason="no Chromium on this machine"
)
HEADLESS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


def opened(page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """The browser, after it has run what it would run; it prints the document."""
    own = (f"--user-data-dir={page.parent}/user", "--virtual-time-budget=2000", "--dump-dom")
    command = [str(BROWSER), *HEADLESS, *flags, *own, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=True)


def seen(page: str, folder: Path) -> str:
    """The page's document after a browser has run what it would run."""
    (folder / "page.html").write_text(page, encoding="utf-8")
    return opened(folder / "page.html").stdout


def title_in(document: str) -> str:
    """What a document is called."""
    return html.unescape(document.partition("<title>")[2].partition("</title>")[0])


def digest(text: str) -> str:
    """As a policy names a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def asked(page: str, script: str, width: int, folder: Path) -> str:
    """What a script says of a page of this width, in pixels, under the page's own policy, which lets it run beside.

    Args:
        page: the document.
        script: the body of a function that returns a text.
        width: of the frame that the page is in; a browser's own window is not so narrow.
        folder: for the files.
    """
    said = f"setTimeout(() => parent.postMessage((() => {{{script}}})(), '*'), 300)"
    own = page.replace("script-src ", f"script-src {digest(said)} ".replace("'", "&#39;"), 1)
    (folder / "page.html").write_text(own.replace("</body>", f"<script>{said}</script></body>"), encoding="utf-8")
    frame = (
        f'<title>no answer</title><iframe style="width: {width}px; height: 900px; border: 0" src="page.html"></iframe>'
    )
    heard = "<script>onmessage = (event) => { document.title = event.data }</script>"
    (folder / "frame.html").write_text(heard + frame, encoding="utf-8")
    return title_in(opened(folder / "frame.html", "--window-size=1500,1000").stdout)
