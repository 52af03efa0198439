"""A headless Chromium, driven through the WebDriver protocol of its own driver.

The protocol is JSON over HTTP on this machine (W3C WebDriver; `goog/cdp/execute` and `se/log` are
chromedriver's), so the standard library is enough. Debian has both programs: `apt-get install
chromium chromium-driver`.
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

BROWSERS = ("chromium", "google-chrome", "chromium-browser", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # containers have little shared memory
)
# What sticks out of the page: [pixels by which it is too wide, descriptions of elements].
OVERFLOW = """
const page = document.documentElement;
const inBox = e => e.closest('.scroll, .skip, svg');
return [page.scrollWidth - page.clientWidth, [...document.body.querySelectorAll('*')]
  .filter(e => !inBox(e) && e.getBoundingClientRect().right > page.clientWidth + 0.5)
  .map(e => e.tagName + ' ' + e.textContent.slice(0, 40))];
"""
# [contrast with the background behind it, text] of each text; those of pictures are on the page's.
CONTRAST = """
const parse = color => (color.match(/[\\d.]+/g) || []).map(Number);
const luminance = rgb => {
  const [r, g, b] = rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const background = element => {
  for (let e = element; e; e = e.parentElement) {
    const color = parse(getComputedStyle(e).backgroundColor);
    if (color.length === 3 || color[3] === 1) return color;
  }
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode, parent = text.parentElement;
  if (!text.data.trim()) continue;
  const style = getComputedStyle(parent);
  const ink = luminance(parse(parent.closest('svg') ? style.fill : style.color));
  const paper = luminance(background(parent));
  const ratio = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  found.push([ratio, text.data.trim()]);
}
return found;
"""
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def missing():
    """Why there is no browser, or None if there is one."""
    if not any(map(shutil.which, BROWSERS)):
        return "Chromium is not installed"
    return None if shutil.which("chromedriver") else "chromedriver is not installed"


class Browser:
    """A context manager: a browser with an empty profile."""

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        try:
            for line in self._driver.stdout:
                port = re.search(r"started successfully on port (\d+)", line)
                if port:
                    break
            else:
                raise RuntimeError("chromedriver did not start")
            self._url = f"http://127.0.0.1:{port[1]}/session"
            options = {
                "binary": next(filter(None, map(shutil.which, BROWSERS))),
                "args": [*FLAGS, f"--user-data-dir={self._profile.name}"],
            }
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
            found = self._send("POST", "", {"capabilities": {"alwaysMatch": wanted}})
            self._url += "/" + found["sessionId"]
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *error):
        try:
            self._send("DELETE", "")
        finally:
            self._stop()

    def _stop(self):
        self._driver.terminate()
        self._driver.communicate(timeout=30)
        self._profile.cleanup()

    def _send(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            self._url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with _opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, url):
        """Load a page."""
        self._send("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value that the body of a JavaScript function returns, such as `return 1`."""
        return self._send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def command(self, name, **parameters):
        """The result of a command of the DevTools protocol."""
        return self._send("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width, height=900):
        """Give the page this size, in CSS pixels."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme):
        """Prefer the color scheme "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.command("Emulation.setEmulatedMedia", features=[feature])

    def log(self):
        """The console's messages since the last call: dictionaries with `level` and `message`."""
        return self._send("POST", "/se/log", {"type": "browser"})

    def screenshot(self):
        """The whole page as a PNG."""
        found = self.command("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])
