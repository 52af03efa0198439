"""The report in headless Chromium: nothing fails, everything is visible, on phones and screens."""

import numpy as np
import pytest

from tests.support import browser
from tests.support.browser import CONTRAST, OVERFLOW

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))

WIDTHS = (400, 1400)

FIGURES = """
return [...document.querySelectorAll('figure')].map(figure => {
  const box = figure.querySelector('svg').getBoundingClientRect();
  const texts = [...figure.querySelectorAll('text, image')].map(e => e.getBoundingClientRect());
  return {
    width: box.width, height: box.height, left: box.left, right: box.right,
    inside: Math.max(0, ...texts.map(t => Math.max(box.left - t.left, t.right - box.right))),
    visible: figure.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}),
    images: figure.querySelectorAll('image').length,
  };
});
"""


@pytest.fixture(scope="module")
def chromium(run):
    with browser.Browser() as found:
        yield found


@pytest.fixture(params=[(w, s) for w in WIDTHS for s in ("light", "dark")], ids=str)
def shown(request, chromium, run):
    """The browser with the page, at one width in one color scheme."""
    width, scheme = request.param
    chromium.resize(width)
    chromium.prefer(scheme)
    chromium.open(run.path.as_uri())
    chromium.width, chromium.scheme = width, scheme
    return chromium


def test_page_in_the_browser(shown, run):
    """One test for each width and color scheme: loading the page takes the most time."""
    assert shown.log() == []
    assert shown.run("return matchMedia('(prefers-color-scheme: dark)').matches") == (
        shown.scheme == "dark"
    )

    figures = shown.run(FIGURES)
    assert len(figures) == len(run.page.find("figure"))
    for figure in figures:
        assert figure["visible"]
        assert figure["width"] > (330 if shown.width == 400 else 400)
        assert figure["height"] > 100
        assert figure["left"] >= 0
        assert figure["right"] <= shown.width
        assert figure["inside"] < 2  # texts and images do not stick out of their figure
    assert sum(figure["images"] for figure in figures) > 50

    overflow, elements = shown.run(OVERFLOW)
    assert elements == []
    assert overflow <= 0

    texts = shown.run(CONTRAST)
    assert len(texts) > 500
    assert [text for ratio, text in texts if ratio < 4.5] == []

    results = shown.run("return document.querySelector('dl.results').innerText").split("\n")
    loss, accuracy = run.results[0]
    assert {f"{loss:.4f}", f"{accuracy:.4f}"} <= set(results)


def test_images_have_the_pixels_of_the_data(chromium, run, test_images):
    """The first sample, as the browser decodes it."""
    chromium.open(run.path.as_uri())
    pixels = chromium.run(
        """
        const source = document.querySelector('[aria-label^="The first test images"] image');
        const image = new Image();
        image.src = source.href.baseVal;
        const canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
        return [canvas.width, [...data].filter((_, i) => i % 4 === 0)];
        """
    )
    width, values = pixels
    assert width == 28
    picture = test_images[0][0].ravel()
    np.testing.assert_allclose(values, picture, atol=1)  # matplotlib rounds down


def test_keyboard(chromium, run):
    """The first key Tab shows a link to the results; links and tables can be reached."""
    chromium.resize(400)
    chromium.open(run.path.as_uri())
    focused = []
    for _ in range(12):
        for kind in ("keyDown", "keyUp"):
            chromium.command(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        focused.append(
            chromium.run(
                "const e = document.activeElement, box = e.getBoundingClientRect();"
                "return [e.tagName, box.left >= 0 && box.width > 0,"
                " getComputedStyle(e).outlineStyle, e.textContent]"
            )
        )
    assert focused[0] == ["A", True, "solid", "Skip to the results"]
    assert all(visible and outline == "solid" for _, visible, outline, _ in focused)
    assert {name for name, *_ in focused} >= {"A", "DIV"}
