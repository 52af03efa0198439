"""The page in headless Chromium: drawing by mouse, finger and keyboard, pictures, what is shown."""

import base64
import io
import json
import re
import threading
import time

import numpy as np
import pytest

from fastcnn import fashion
from fastcnn.datasets.fashion_mnist import CLASS_NAMES
from fastcnn.demo.classifier import Classifier
from fastcnn.demo.pictures import read_picture
from fastcnn.demo.server import Server
from tests.support import browser
from tests.support.browser import CONTRAST, OVERFLOW

Image = pytest.importorskip("PIL.Image")

pytestmark = pytest.mark.skipif(browser.missing() is not None, reason=str(browser.missing()))

TIMES = "\u00d7"
STATE = """
const text = id => document.getElementById(id).textContent;
return {
  best: text('best'), speed: text('speed'), status: text('status'),
  rows: [...document.querySelectorAll('#classes li')].map(row => row.innerText.split('\\n')),
  bars: [...document.querySelectorAll('#classes .bar span')].map(bar => bar.style.transform),
  layers: document.getElementById('inside').hidden ? [] :
    [...document.querySelectorAll('#layers figure')].map(figure => {
      const canvas = figure.querySelector('canvas'), box = canvas.getBoundingClientRect();
      return {texts: [...figure.querySelectorAll('figcaption *')].map(e => e.textContent),
        label: canvas.getAttribute('aria-label'), width: box.width, height: box.height,
        right: box.right,
        visible: canvas.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})};
    }),
};
"""
# How many colors the picture of each layer has.
COLORS = """
return [...document.querySelectorAll('#layers canvas')].map(canvas => {
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(data.buffer)).size;
});
"""
# The slate as a PNG in base64: what the page sends.
SLATE = "return document.getElementById('paper').toDataURL('image/png').split(',')[1];"


@pytest.fixture(scope="module")
def tutorial():
    """The server with the tutorial's net: layers with many channels."""
    with Server(0) as found:
        found.classifier = Classifier(fashion.cnn())
        thread = threading.Thread(target=found.serve_forever, args=(0.01,))
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def chromium():
    with browser.Browser() as found:
        yield found


@pytest.fixture
def page(chromium, tutorial):
    """The page, newly opened."""
    chromium.resize(1000, 1000)
    chromium.prefer("light")
    chromium.open(tutorial.url)
    yield chromium
    assert chromium.log() == []


def wait(page, condition, script=STATE):
    """The result of a script once it fulfills a condition."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = page.run(script)
        if condition(found):
            return found
        time.sleep(0.05)
    raise AssertionError(f"still {found}")


def shown(page, tutorial):
    """The state once the page shows what the classifier says of the slate as it is now."""
    picture = io.BytesIO(base64.b64decode(page.run(SLATE)))
    expected = tutorial.classifier.probabilities(read_picture(picture, (28, 28)))
    rows = [[name, percent(p)] for name, p in zip(CLASS_NAMES, expected, strict=True)]
    found = wait(page, lambda state: state["rows"] == rows)
    assert found["best"] == CLASS_NAMES[expected.argmax()]
    scales = [float(re.fullmatch(r"scaleX\((.+)\)", bar)[1]) for bar in found["bars"]]
    np.testing.assert_allclose(scales, expected, rtol=1e-4)
    return found


def percent(p):
    """As `toFixed` of JavaScript."""
    return f"{100 * float(p):.1f} %" if 0.0005 <= p < 0.9995 else f"{100 * float(p):.0f} %"


def press(page, key, modifiers=0, code=None):
    named = {"type": "keyDown", "key": key, "code": code or key, "modifiers": modifiers}
    if len(key) == 1 and not modifiers:
        named["text"] = key
    elif key == "Tab":
        named["windowsVirtualKeyCode"] = 9
    page.command("Input.dispatchKeyEvent", **named)
    page.command("Input.dispatchKeyEvent", **{**named, "type": "keyUp"})


def slate_box(page):
    return page.run(
        "const b = document.getElementById('paper').getBoundingClientRect();"
        "return [b.left, b.top, b.width];"
    )


def draw(page, points, kind="mouse"):
    """Draw a stroke through points in the unit square of the slate."""
    left, top, width = slate_box(page)
    points = [(left + x * width, top + y * width) for x, y in points]
    for number, (x, y) in enumerate([*points, points[-1]]):
        last = number == len(points)
        if kind == "mouse":
            name = "mousePressed" if number == 0 else "mouseReleased" if last else "mouseMoved"
            page.command("Input.dispatchMouseEvent", type=name, x=x, y=y, button="left",
                         buttons=0 if last else 1, clickCount=1)  # fmt: skip
        else:
            name = "touchStart" if number == 0 else "touchEnd" if last else "touchMove"
            touches = [] if last else [{"x": x, "y": y}]
            page.command("Input.dispatchTouchEvent", type=name, touchPoints=touches)


def slate(page):
    """The gray values of the slate."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(page.run(SLATE)))).convert("L"))


SHIRT = [(0.4, 0.15), (0.6, 0.15), (0.9, 0.4), (0.7, 0.4), (0.7, 0.9), (0.3, 0.9), (0.3, 0.4)]


# ------------------------------------------------------------------------------------- the look


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_page_at_its_widths_and_colors(chromium, tutorial, width, scheme):
    """Nothing fails or sticks out, all can be read, and every layer is visible."""
    chromium.resize(width)
    chromium.prefer(scheme)
    chromium.open(tutorial.url)
    state = chromium.run(STATE)
    assert (state["best"], state["speed"]) == ("…", "Nothing is drawn yet.")
    assert [row[0] for row in state["rows"]] == list(CLASS_NAMES)
    chromium.run("document.querySelector('#tries button').click()")
    state = shown(chromium, tutorial)
    assert re.fullmatch(r"Recognized in \d.* (µs|ms): [\d,]+ pictures a second\.", state["speed"])
    shapes = ["28 x 28 x 1", "26 x 26 x 64", "13 x 13 x 64", "11 x 11 x 64", "5 x 5 x 64"]
    shapes += ["128", "10"]
    for layer, shape, colors in zip(state["layers"], shapes, chromium.run(COLORS), strict=True):
        name, kind, duration = layer["texts"]
        assert kind.replace(TIMES, "x").endswith(f", {shape}")
        assert re.fullmatch(r"[\d.]+ (µs|ms)", duration)
        assert layer["label"].replace(TIMES, "x") == f"Output of {name}: {shape}"
        assert layer["visible"]
        assert layer["width"] > (60 if shape.endswith("x 1") else 0.95 * min(width - 40, 1070))
        assert layer["height"] > 30
        assert layer["right"] <= width
        assert colors >= (8 if shape == "10" else 20)
    overflow, elements = chromium.run(OVERFLOW)
    assert [e for e in elements if not e.startswith("INPUT")] == []
    assert overflow <= 0
    chromium.run("document.querySelector('details').open = true")
    texts = chromium.run(CONTRAST)
    assert len(texts) > 60
    assert [text for ratio, text in texts if ratio < 4.5] == []
    assert chromium.log() == []


def test_maps_have_the_values_of_the_layers(page, tutorial):
    """The first map of the first convolution: dark where its output is large."""
    page.run("document.querySelector('#tries li:nth-child(4) button').click()")
    shown(page, tutorial)
    image = read_picture(io.BytesIO(base64.b64decode(page.run(SLATE))), (28, 28))
    stage = tutorial.classifier.look(image).stages[1]
    pixels = page.run(
        """
        const canvas = document.querySelectorAll('#layers canvas')[1];
        const step = canvas.width / 16, width = Math.ceil(step), found = [];
        const {data} = canvas.getContext('2d').getImageData(0, 0, width, width);
        for (let y = 0; y < 26; y++) for (let x = 0; x < 26; x++) {
          const [u, v] = [x, y].map(i => Math.round((i + 0.5) * (step - 1) / 26 - 0.5));
          found.push(data[4 * (v * width + u)]);
        }
        return found;
        """
    )
    values = stage.values[..., 0].ravel()
    red = np.interp(values / stage.values.max(), [0, 0.5, 1], [0xEE, 0x86, 0x0B])
    assert np.mean(np.abs(np.array(pixels) - red) < 12) > 0.9  # but for edges of pixels
    assert np.corrcoef(pixels, red)[0, 1] > 0.98 or np.ptp(red) < 1


# -------------------------------------------------------------------------------------- drawing


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_drawing(page, tutorial, kind):
    """It is recognized while one draws, and each stroke can be undone."""
    draw(page, [(0.3, 0.3), (0.5, 0.3), (0.7, 0.3)], kind)
    first = slate(page)
    assert first[134, 224] == 255  # on the stroke
    assert first[300, 224] == 0
    shown(page, tutorial)
    draw(page, [(0.3, 0.7), (0.7, 0.7)], kind)
    assert slate(page)[313, 224] == 255
    shown(page, tutorial)
    page.run("document.getElementById('undo').click()")
    np.testing.assert_array_equal(slate(page), first)
    shown(page, tutorial)
    page.run("document.getElementById('clear').click()")
    assert not slate(page).any()
    state = wait(page, lambda state: state["best"] == "…")
    assert state["layers"] == []
    assert all(row[1:] in ([], [""]) for row in state["rows"])
    page.run("document.getElementById('undo').click()")
    np.testing.assert_array_equal(slate(page), first)
    shown(page, tutorial)


def test_fill_and_eraser(page, tutorial):
    press(page, "f")
    draw(page, SHIRT)
    filled = slate(page)
    assert filled[269, 224] == 255  # the middle of the shape
    assert (filled > 0).mean() > 0.3
    shown(page, tutorial)
    press(page, "e")
    draw(page, [(0.4, 0.6), (0.6, 0.6)])
    assert slate(page)[269, 224] == 0
    shown(page, tutorial)
    press(page, "b")
    assert page.run("return document.querySelector('input[name=tool]:checked').value") == "brush"


def test_answers_while_the_pen_is_down(page):
    left, top, width = slate_box(page)
    for name, x in (("mousePressed", 0.2), ("mouseMoved", 0.5), ("mouseMoved", 0.8)):
        page.command("Input.dispatchMouseEvent", type=name, x=left + x * width,
                     y=top + 0.5 * width, button="left", buttons=1, clickCount=1)  # fmt: skip
    wait(page, lambda state: state["best"] in CLASS_NAMES)


def test_drawing_with_the_keyboard(page, tutorial):
    """The slate is reached by Tab, and every focus is visible."""
    focused = []
    while not focused or (focused[-1][0] != "paper" and len(focused) < 10):
        press(page, "Tab")
        focused.append(
            page.run(
                "const e = document.activeElement;"
                "return [e.id, e.textContent, getComputedStyle(e).outlineStyle]"
            )
        )
    assert focused[0][1] == "Skip to the result"
    assert focused[-1][0] == "paper"
    assert {outline for _, _, outline in focused} == {"solid"}
    press(page, "ArrowLeft", modifiers=8)
    press(page, " ", code="Space")
    for _ in range(4):
        press(page, "ArrowRight", modifiers=8)
    press(page, " ", code="Space")
    press(page, "ArrowDown", modifiers=8)
    drawn = slate(page)
    assert (drawn[224, 176:368] == 255).all()
    assert not drawn[280:].any()
    shown(page, tutorial)
    press(page, "Delete")
    assert not slate(page).any()
    press(page, "z", modifiers=2, code="KeyZ")
    np.testing.assert_array_equal(slate(page), drawn)


def test_result_is_spoken_when_drawing_pauses(page, tutorial):
    draw(page, SHIRT)
    state = shown(page, tutorial)
    (best,) = (row for row in state["rows"] if row[0] == state["best"])
    wait(page, lambda state: state["status"] == ", ".join(best))


# ------------------------------------------------------------------------------------- pictures

DROP = """
const [text, kind, event] = arguments;
const content = Uint8Array.from(atob(text), c => c.charCodeAt(0));
const data = new DataTransfer(), usual = {bubbles: true, cancelable: true};
data.items.add(new File([content], 'picture', {type: kind}));
if (event === 'drop')
  document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, ...usual}));
else if (event === 'paste')
  document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, ...usual}));
else {
  const input = document.getElementById('file');
  input.files = data.files;
  input.dispatchEvent(new Event('change'));
}
"""


def drop(page, image, event="drop", kind="PNG", **settings):
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **settings)
    content = base64.b64encode(file.getvalue()).decode()
    page.run(DROP, content, f"image/{kind.lower()}", event)


@pytest.mark.parametrize("event", ["drop", "paste", "open"])
def test_a_picture(page, tutorial, shoe, event):
    """It fills the slate with its proportions, on its own background."""
    picture = np.full((60, 84), 250, np.uint8)
    picture[8:52, 6:78] = 250 - np.kron(shoe, np.ones((2, 3), np.uint8))[4:48, 3:75]
    drop(page, picture, event)
    wait(page, lambda value: value, "return document.getElementById('hint').hidden")
    found = slate(page)
    np.testing.assert_allclose(found[:60], 250, atol=2)  # what is above the picture
    expected = np.asarray(Image.fromarray(picture).resize((448, 320)), np.float32)
    np.testing.assert_allclose(found[64:384].astype(np.float32), expected, atol=40)
    shown(page, tutorial)
    draw(page, [(0.2, 0.05), (0.8, 0.05)])
    assert slate(page)[22, 224] == 0  # dark on light
    press(page, "e")
    draw(page, [(0.4, 0.05), (0.6, 0.05)])
    np.testing.assert_allclose(slate(page)[22, 224], 250, atol=2)
    for _ in range(3):
        page.run("document.getElementById('undo').click()")
    press(page, "b")
    draw(page, [(0.2, 0.05), (0.8, 0.05)])
    assert slate(page)[22, 224] == 255  # light on black again
    shown(page, tutorial)


@pytest.mark.parametrize("ink", [0, 255])
def test_a_transparent_picture(page, tutorial, shoe, ink):
    picture = np.full((28, 28, 4), ink, np.uint8)
    picture[..., 3] = np.where(shoe > 0, 255, 0)
    drop(page, picture)
    wait(page, lambda value: value, "return document.getElementById('hint').hidden")
    found = slate(page)
    assert found[0, 0] == 255 - ink
    assert found[16 * 15 + 8, 16 * 14 + 8] == ink
    shown(page, tutorial)


def test_a_photograph_is_shown_upright(page, tutorial, shoe):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(np.kron(shoe, np.ones((4, 4), np.uint8)))
    drop(page, np.ascontiguousarray(stored), kind="JPEG", exif=exif.tobytes())
    wait(page, lambda value: value, "return document.getElementById('hint').hidden")
    expected = np.kron(shoe, np.ones((16, 16), np.uint8))
    assert np.mean(np.abs(slate(page).astype(int) - expected) < 40) > 0.95
    shown(page, tutorial)


@pytest.mark.parametrize("kind", ["image/png", "text/plain"])
def test_a_file_that_is_not_a_picture(page, kind):
    page.run(DROP, base64.b64encode(b"text").decode(), kind, "drop")
    state = wait(page, lambda state: state["speed"] != "Nothing is drawn yet.")
    assert state["speed"] == "This file is not a picture that the browser can read."
    assert state["best"] == "…"


# --------------------------------------------------------------------------------------- trouble


def test_only_the_latest_drawing_waits_for_an_answer(page, tutorial, monkeypatch):
    """However much is drawn while the server is busy."""
    asked, go_on, look = [], threading.Event(), tutorial.classifier.look

    def slow(image):
        asked.append(image)
        go_on.wait(20)
        return look(image)

    monkeypatch.setattr(tutorial.classifier, "look", slow)
    for y in (0.2, 0.4, 0.6, 0.8):
        draw(page, [(0.2, y), (0.5, y), (0.8, y)])
    go_on.set()
    monkeypatch.undo()
    shown(page, tutorial)
    assert 1 <= len(asked) <= 2


def test_a_program_that_has_ended(chromium, classifier):
    with Server(0) as server:
        server.classifier = classifier
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        chromium.open(server.url)
        server.shutdown()
        thread.join()
    draw(chromium, SHIRT)
    sentence = "The program does not answer. Does it still run?"
    wait(chromium, lambda state: state["speed"] == sentence)
    assert all("ERR_CONNECTION_REFUSED" in message["message"] for message in chromium.log())


def test_no_other_site_can_use_the_server(chromium, tutorial, server):
    """A page from another origin, here that of another port, can neither ask nor embed it."""
    chromium.open(server.url)
    found = chromium.run(
        """
        const url = arguments[0];
        const policies = [];
        document.addEventListener('securitypolicyviolation',
          e => policies.push(e.violatedDirective));
        return fetch(url + 'look', {method: 'POST', body: 'x', mode: 'no-cors'})
          .then(() => 'sent', () => 'blocked')
          .then(sent => [sent, policies]);
        """,
        tutorial.url,
    )
    assert found[0] == "blocked"  # by the page's own policy already
    chromium.log()
    # a page without any policy
    chromium.open("data:text/html,<title>evil</title>")
    found = chromium.run(
        """
        const url = arguments[0];
        const picture = new Blob(['x'], {type: 'image/png'});
        const ask = (path, options) => fetch(url + path, options).then(r => r.status, e => e.name);
        return Promise.all([ask('', {}), ask('look', {method: 'POST', body: picture}),
                            ask('look', {method: 'POST', body: 'x', mode: 'no-cors'})]);
        """,
        tutorial.url,
    )
    assert found[:2] == ["TypeError", "TypeError"]
    assert found[2] in (0, "TypeError")  # sent blindly: the server answers 403, unseen
    chromium.log()


def test_a_hostile_file_name_or_answer_is_only_text(page, tutorial, monkeypatch):
    """What the server answers is shown as text, never as HTML."""
    from fastcnn.demo import server as module

    answer = module.as_json

    def hostile(image, look):
        found = json.loads(json.dumps(answer(image, look)))
        found["names"] = ["<img src=x onerror=alert(1)>"] * 10
        found["layers"][0]["name"] = "<b>bold</b>"
        return found

    monkeypatch.setattr(module, "as_json", hostile)
    draw(page, SHIRT)
    state = wait(page, lambda state: state["layers"])
    assert state["best"] == "<img src=x onerror=alert(1)>"
    assert state["layers"][0]["texts"][0] == "<b>bold</b>"
    assert page.run("return document.querySelectorAll('main img, main b').length") == 0
