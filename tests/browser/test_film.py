"""The film viewer by itself, in a real browser: what is painted, measured, drawn and told is compared with numbers."""

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from lofi.film.radiograph import Radiograph
from lofi.film.view import preview
from tests.browser.stage import bright, corner, drag, greys, put, serve
from tests.film.test_dicom import dataset, written

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)}</text><script>alert(3)</script>"
WIDTH, HEIGHT = 320, 400
BOX = (0.1, 0.2, 0.4, 0.5)
TURNS = pytest.mark.parametrize("turns", [0, 1, 2, 3], ids=lambda turns: f"{90 * turns}°")


def square() -> Radiograph:
    """Black, with a white off-centre box."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint16)
    pixels[80:200, 32:128] = 65535
    return Radiograph.from_pixels(pixels)


def ramp() -> Radiograph:
    """Values that grow to the right, all rows alike."""
    return Radiograph.from_pixels(np.tile(np.linspace(0, 65535, WIDTH).astype(np.uint16), (HEIGHT, 1)))


def faint() -> Radiograph:
    """Grey, the right half four of 65,535 values brighter: nothing that eight bits could hold."""
    pixels = np.full((HEIGHT, WIDTH), 30_000, np.uint16)
    pixels[:, WIDTH // 2 :] += 4
    return Radiograph.from_pixels(pixels)


def anatomy() -> Radiograph:
    """Noise around three greys, as of lung, soft tissue and bone."""
    random = np.random.default_rng(3)
    zones = np.repeat([12_000, 30_000, 52_000], [200, 120, 80])[:, None]
    return Radiograph.from_pixels((zones + random.normal(0, 2_000, (HEIGHT, WIDTH))).clip(0, 65535).astype(np.uint16))


def dicom() -> Radiograph:
    """Optical densities of 0 to 3000 that grow to the right, and two windows of which the first is narrow."""
    stored = np.tile(np.linspace(0, 1500, WIDTH).astype(np.uint16), (HEIGHT, 1))
    names = {"WindowCenterWidthExplanation": ["NARROW", HOSTILE[:30]], "RescaleType": "OD"}
    windows = {"WindowCenter": [300, 1500], "WindowWidth": [400, 2000], "RescaleSlope": "2", "RescaleIntercept": "0"}
    return Radiograph.read(written(dataset(stored, **windows, **names)))


FILMS = {"dicom": dicom(), "square": square(), "ramp": ramp(), "faint": faint(), "anatomy": anatomy()}


@pytest.fixture
def stage(browser: Browser) -> Iterator[Page]:
    """An empty page for films. Fails on any script error, dialog or console error."""
    page = browser.new_page(viewport={"width": 1340, "height": 700})
    page.set_default_timeout(60_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append("a dialog opened"), dialog.dismiss()))
    serve(page, FILMS)
    yield page
    page.close()
    assert faults == []


def run(page: Page, script: str, name: str = "square") -> Any:
    """The value of a JavaScript expression about ``film``."""
    return page.evaluate(f"name => {{ const film = films[name]; return {script}; }}", name)


def middle(page: Page, name: str) -> tuple[float, float]:
    width, height = run(page, "[film.pane.width, film.pane.height]", name)
    return width / 2, height / 2


def point(page: Page, name: str, x: float, y: float) -> tuple[float, float]:
    """Where a film pixel is painted, for a film that is not turned."""
    view = run(page, "film.view", name)
    assert view["turns"] == 0
    return view["left"] + view["scale"] * x, view["top"] + view["scale"] * y


@pytest.mark.parametrize("kind", ["webgl2", "2d"])
@pytest.mark.parametrize(
    ("level", "width", "invert"),
    [(0.5, 1.0, False), (0.5, 1.0, True), (0.3, 0.2, False), (0.7, 0.1, True), (0.4, 2.0, False)],
    ids=["whole", "inverted", "narrow", "narrow and inverted", "wide"],
)
def test_windowing_changes_pixels_as_computed(stage: Page, kind: str, level: float, width: float, invert: bool) -> None:
    if kind == "2d":
        stage.evaluate("""() => { const real = HTMLCanvasElement.prototype.getContext;
            HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
                return kind === "webgl2" ? null : real.call(this, kind, ...rest); }; }""")
    put(stage, "ramp", sizeHw=[HEIGHT, WIDTH])
    assert run(stage, "film.screen.kind", "ramp") == kind
    stage.evaluate("w => { films.ramp.setWindow(w); films.ramp.actual(); }", {
        "level": level, "width": width, "invert": invert,
    })  # fmt: skip
    columns = np.arange(5, WIDTH, 30)
    painted = greys(stage, "ramp", [point(stage, "ramp", x + 0.5, 200.5) for x in columns])
    values = np.linspace(0, 65535, WIDTH).astype(np.uint16)[columns] / 65535
    shown = np.clip((values - level) / width + 0.5, 0, 1)
    assert painted == pytest.approx(255 * (1 - shown if invert else shown), abs=2.0)


def test_detail_below_eight_bits_arrives(stage: Page) -> None:
    assert FILMS["faint"].bits == 16
    put(stage, "faint")
    sides = [(0.25, 0.5), (0.75, 0.5)]
    places = [point(stage, "faint", WIDTH * x, HEIGHT * y) for x, y in sides]
    left, right = greys(stage, "faint", places)
    assert left == right
    run(stage, "film.setWindow({ level: 30002 / 65535, width: 8 / 65535, invert: false })", "faint")
    left, right = greys(stage, "faint", places)
    assert (left, right) == (pytest.approx(64, abs=3), pytest.approx(191, abs=3))
    expect(stage.locator(".film-readout")).to_contain_text("16 bits")


def test_the_small_picture_comes_first_and_fits_its_budget(stage: Page) -> None:
    put(stage, "anatomy")
    assert stage.evaluate("told") == [["shown", "preview"], ["shown", "full"]]
    assert len(preview(FILMS["anatomy"])) <= 200_000
    # The two are of one size here: the line kept saying "small picture".
    expect(stage.locator(".film-readout")).to_contain_text("16 bits")


def test_presets_show_different_tissue(stage: Page) -> None:
    put(stage, "anatomy")
    places = [point(stage, "anatomy", 160, y) for y in (100, 260, 360)]  # lung, soft tissue, bone
    names = ["default", "lung", "soft tissue", "bone", "inverted"]
    shown = {}
    for key, name in enumerate(names, start=1):
        run(stage, f"film.stage.focus() || film.preset('{name}')", "anatomy")
        stage.keyboard.press(str(key))
        assert run(stage, "film.presetName", "anatomy") == name
        shown[name] = greys(stage, "anatomy", places)
    lung, soft, bone = shown["default"]
    assert lung < soft < bone
    assert shown["lung"][0] > lung  # the lung is lifted out of the dark, the bone is white
    assert shown["lung"][2] == 255
    assert shown["bone"][0] == 0
    assert shown["bone"][2] < 255
    assert shown["inverted"] == pytest.approx([255 - grey for grey in shown["default"]], abs=1)


def point_at(page: Page, name: str, x: float, y: float) -> None:
    """The mouse to a pixel of a film that is not turned."""
    left, top = corner(page, name)
    across, down = point(page, name, x, y)
    page.mouse.move(left + across, top + down)


def test_the_value_under_the_pointer_is_the_files_own(stage: Page) -> None:
    put(stage, "dicom")
    value = stage.locator(".film-value")
    for column in (10, 160, 310):
        point_at(stage, "dicom", column + 0.5, 200.5)
        stored = int(np.linspace(0, 1500, WIDTH).astype(np.uint16)[column])
        expect(value).to_have_text(f" · {2 * stored} OD")
    run(stage, "film.turn(1) || film.flip()", "dicom")
    x, y = middle(stage, "dicom")
    left, top = corner(stage, "dicom")
    stage.mouse.move(left + x, top + y)
    expect(value).to_contain_text(re.compile(r"1(49|50)\d OD"))
    stage.mouse.move(0, 0)
    expect(value).to_have_text("")
    put(stage, "square")
    point_at(stage, "square", 60.5, 100.5)
    expect(stage.locator(".film-value").nth(1)).to_have_text(" · grey level 65535")


def test_the_files_windows_are_offered_by_name_and_in_its_units(stage: Page) -> None:
    put(stage, "dicom")
    preset, readout = stage.locator(".film-preset"), stage.locator(".film-readout")
    expect(readout).to_contain_text("W 400 L 300 OD")
    places = [point(stage, "dicom", x + 0.5, 200.5) for x in (20, 200, 300)]
    narrow = greys(stage, "dicom", places)
    assert narrow[1:] == [255, 255]
    offered = preset.locator("optgroup option")
    assert offered.first.inner_text() == "NARROW · W 400 L 300 OD"
    wide = offered.nth(1).inner_text()
    assert wide == f"{HOSTILE[:30]} · W 2000 L 1500 OD"
    preset.select_option(label=wide)
    painted = greys(stage, "dicom", places)
    stored = np.linspace(0, 1500, WIDTH).astype(np.uint16)[[20, 200, 300]].astype(float)
    assert painted == pytest.approx(255 * np.clip((2 * stored - 500) / 2000, 0, 1), abs=2)
    expect(readout).to_contain_text("W 2000 L 1500 OD")
    # It stays what it is beside another film, comes back with the state, and goes with "reset all".
    put(stage, "square")
    run(stage, "films.dicom.link(film) || film.windowBy(0.1, 0)")
    expect(readout.first).to_contain_text("W 2828 L 1500 OD")
    run(stage, "film.link(null) || film.setWindow({ level: 0.5, width: 1, invert: false }, 'default')", "dicom")
    kept = run(stage, "film.state()", "dicom")
    run(stage, "film.reset()", "dicom")
    assert greys(stage, "dicom", places) == narrow
    stage.evaluate("state => films.dicom.restore(state)", kept)
    assert greys(stage, "dicom", places) == painted
    expect(preset.first).to_have_value("look 1")


def test_a_drag_changes_the_window(stage: Page) -> None:
    put(stage, "ramp")
    x, y = middle(stage, "ramp")
    drag(stage, "ramp", (x, y), (x - 2 * x / 5, y))
    assert run(stage, "film.window", "ramp")["width"] == pytest.approx(0.5, rel=0.01)  # a fifth of the pane halves it
    expect(stage.locator(".film-preset")).to_have_value("own")
    drag(stage, "ramp", (x, y), (x, y + y))
    window = run(stage, "film.window", "ramp")
    assert (window["width"], window["level"]) == pytest.approx((0.5, 0.25), rel=0.01)  # down: brighter


@TURNS
def test_the_wheel_zooms_to_the_cursor(stage: Page, turns: int) -> None:
    put(stage, "square")
    run(stage, f"film.turn({turns})")
    run(stage, "film.zoomBy(3)")
    x0, y0, x1, y1 = bright(stage, "square")
    left, top = corner(stage, "square")
    # A corner of the white box that is in sight: it is where the pointer is, before and after.
    at = (x0 if x0 > 0 else x1, y0 if y0 > 0 else y1)
    stage.mouse.move(left + at[0], top + at[1])
    before = run(stage, "film.view.scale")
    stage.mouse.wheel(0, -200)
    stage.wait_for_function("before => films.square.view.scale > before * 1.2", arg=before)
    after = bright(stage, "square")
    assert min(abs(after[0] - at[0]), abs(after[2] - at[0])) <= 2
    assert min(abs(after[1] - at[1]), abs(after[3] - at[1])) <= 2


def test_pan_fit_and_actual_pixels(stage: Page) -> None:
    put(stage, "square")
    fitted = bright(stage, "square")
    run(stage, "film.zoomBy(2)")
    before = bright(stage, "square")
    stage.keyboard.down("Shift")
    x, y = middle(stage, "square")
    drag(stage, "square", (x, y), (x + 40, y + 25))
    stage.keyboard.up("Shift")
    assert bright(stage, "square")[2:] == pytest.approx([before[2] + 40, before[3] + 25], abs=1)
    run(stage, "film.actual()")
    x0, y0, x1, y1 = bright(stage, "square")
    assert (x1 - x0, y1 - y0) == pytest.approx((96, 120), abs=2)
    run(stage, "film.fit()")
    assert bright(stage, "square") == fitted


@TURNS
@pytest.mark.parametrize("zoom", [1, 2.3], ids=["fitted", "zoomed"])
def test_boxes_stay_on_what_they_mark(stage: Page, turns: int, zoom: float) -> None:
    put(stage, "square")
    run(stage, f"film.setFindings([{{ phrase: 'box', boxes: [{list(BOX)}], scores: [0.5], colour: '#56b4e9' }}])")
    run(stage, f"film.turn({turns}) || film.zoomBy({zoom}, [300, 200])")
    # Where words beside it change, the pane may get another height, and is painted anew a frame later.
    stage.evaluate("() => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)))")
    painted = bright(stage, "square")
    width, height = run(stage, "[film.pane.width, film.pane.height]")
    rect = stage.locator(".boxes rect.line").evaluate("r => ['x', 'y', 'width', 'height'].map(a => +r.getAttribute(a))")
    drawn = [rect[0], rect[1], rect[0] + rect[2], rect[1] + rect[3]]
    visible = np.clip(drawn, 0, [width, height, width, height])
    assert painted == pytest.approx(visible, abs=2)


@TURNS
def test_side_letters_turn_with_the_film(stage: Page, turns: int) -> None:
    put(stage, "square")
    run(stage, f"film.turn({turns})")
    run(stage, "film.paint()")
    letters = {letter: stage.locator(f".side.{letter}").bounding_box() for letter in ("right", "left")}
    right, left = letters["right"], letters["left"]
    assert right is not None
    assert left is not None
    # A letter is a few pixels wide, the stage some hundreds.
    across, down = np.sign(np.round([(left["x"] - right["x"]) / 50, (left["y"] - right["y"]) / 50]))
    assert [(1, 0), (0, 1), (-1, 0), (0, -1)][turns] == (across, down)
    expect(stage.locator(".film-note")).to_contain_text("the patient's right on the left")
    if turns:
        expect(stage.locator(".film-note")).to_contain_text(f"{90 * turns}°")


@TURNS
def test_a_mirrored_film_keeps_its_own_coordinates_and_its_letters_move_along(stage: Page, turns: int) -> None:
    put(stage, "square", spacingMm=[1, 1], sizeHw=[HEIGHT, WIDTH])
    run(stage, f"film.turn({turns}) || film.zoomBy(1.3, [300, 200])")
    plain = bright(stage, "square")
    width = run(stage, "film.pane.width")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("F")
    x0, y0, x1, y1 = bright(stage, "square")
    # To the left of the middle what was to the right, as far as a film that fills the pane may go.
    assert (y0, y1) == pytest.approx((plain[1], plain[3]), abs=2)
    assert x1 - x0 == pytest.approx(plain[2] - plain[0], abs=2)
    assert x0 == pytest.approx(width - plain[2], abs=2)
    run(stage, "film.fit() || film.paint()")
    letters = [stage.locator(f".side.{letter}").bounding_box() for letter in ("right", "left")]
    across, down = np.sign(np.round([(letters[1][k] - letters[0][k]) / 50 for k in ("x", "y")]))  # type: ignore[index]
    assert [(-1, 0), (0, 1), (1, 0), (0, -1)][turns] == (across, down)
    expect(stage.locator(".film-note")).to_contain_text("mirrored.")
    run(stage, "film.draw((box) => { window.drawn = box; })")
    x0, y0, x1, y1 = bright(stage, "square")
    drag(stage, "square", (x1, y0), (x0, y1))
    assert stage.evaluate("drawn") == pytest.approx(BOX, abs=0.006)
    run(stage, f"film.setFindings([{{ phrase: 'box', boxes: [{list(BOX)}], colour: '#56b4e9' }}])")
    run(stage, "film.edit(0, 0, (box) => { window.changed = box; })")
    scale = run(stage, "film.view.scale")
    dx, dy = [(-32, 0), (0, 32), (32, 0), (0, -32)][turns]  # to the film's right, wherever that is now
    grip = [(x0, y1), (x1, y1), (x1, y0), (x0, y0)][turns]  # the film's right lower corner
    drag(stage, "square", grip, (grip[0] + dx * scale, grip[1] + dy * scale))
    assert stage.evaluate("changed") == pytest.approx([0.1, 0.2, 0.5, 0.5], abs=0.006)


def test_reset_brings_back_what_was_opened(stage: Page) -> None:
    put(stage, "square")
    before = bright(stage, "square")
    run(stage, "film.turn(1) || film.flip() || film.zoomBy(3) || film.invert() || film.showBoxes()")
    run(stage, "film.sheet.add({ kind: 'length', points: [[0, 0], [1, 1]] })")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("Home")
    assert bright(stage, "square") == before
    assert run(stage, "film.boxes.shown && film.presetName") == "default"
    expect(stage.locator(".mark")).to_have_count(1)


@TURNS
@pytest.mark.parametrize("zoom", [1, 1.6], ids=["fitted", "zoomed"])
def test_a_drawn_box_is_what_was_under_the_hand(stage: Page, turns: int, zoom: float) -> None:
    put(stage, "square")
    run(stage, "film.draw((box) => { window.drawn = box; })")
    run(stage, f"film.turn({turns})")
    x0, y0, x1, y1 = bright(stage, "square")
    run(stage, f"film.zoomBy({zoom}, [{(x0 + x1) / 2}, {(y0 + y1) / 2}])")
    x0, y0, x1, y1 = bright(stage, "square")
    drag(stage, "square", (x1, y0), (x0, y1))
    assert stage.evaluate("drawn") == pytest.approx(BOX, abs=0.006)
    stage.keyboard.press("Escape")
    assert stage.evaluate("told").count(["stop", "draw"]) == 1
    run(stage, "delete window.drawn")
    drag(stage, "square", (x1, y0), (x0, y1))
    assert stage.evaluate("window.drawn") is None


def test_a_slip_of_the_hand_is_no_box(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.draw((box) => { window.drawn = box; })")
    drag(stage, "square", (200, 200), (203, 202))
    assert stage.evaluate("window.drawn") is None


def test_a_box_can_be_drawn_and_changed_by_keys(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.draw((box) => { window.drawn = box; })")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("Enter")
    for key in ["ArrowRight"] * 5 + ["ArrowDown"] * 3:
        stage.keyboard.press(key)
    stage.keyboard.press("Enter")
    scale = run(stage, "film.view.scale")
    expected = [0.5, 0.5, 0.5 + 40 / scale / WIDTH, 0.5 + 24 / scale / HEIGHT]
    assert stage.evaluate("drawn") == pytest.approx(expected, abs=1e-3)
    run(stage, "film.setFindings([{ phrase: 'box', boxes: [[0.2, 0.2, 0.4, 0.4]], colour: '#56b4e9' }])")
    run(stage, "film.edit(0, 0, (box) => { window.changed = box; })")
    for key in ["ArrowRight", "ArrowRight", "Shift+ArrowDown", "Enter"]:
        stage.keyboard.press(key)
    assert stage.evaluate("changed") == pytest.approx([0.22, 0.2, 0.42, 0.41], abs=1e-6)


@TURNS
def test_a_box_is_moved_and_resized(stage: Page, turns: int) -> None:
    put(stage, "square")
    run(stage, f"film.setFindings([{{ phrase: 'box', boxes: [{list(BOX)}], colour: '#56b4e9' }}])")
    run(stage, "film.edit(0, 0, (box) => { (window.changes ??= []).push(box); })")
    run(stage, f"film.turn({turns})")
    scale = run(stage, "film.view.scale")
    x0, y0, x1, y1 = bright(stage, "square")
    centre = ((x0 + x1) / 2, (y0 + y1) / 2)
    dx, dy = [(32, 0), (0, 32), (-32, 0), (0, -32)][turns]  # to the film's right, wherever that is now
    drag(stage, "square", centre, (centre[0] + dx * scale, centre[1] + dy * scale))
    assert stage.evaluate("changes")[0] == pytest.approx([0.2, 0.2, 0.5, 0.5], abs=0.006)
    grip = [(x1, y1), (x0, y1), (x0, y0), (x1, y0)][turns]  # the film's right lower corner, moved along
    grip = (grip[0] + dx * scale, grip[1] + dy * scale)
    drag(stage, "square", grip, (grip[0] + dx * scale, grip[1] + dy * scale))
    assert stage.evaluate("changes")[1] == pytest.approx([0.2, 0.2, 0.6, 0.5], abs=0.006)
    expect(stage.locator(".boxing .grip")).to_have_count(8)
    run(stage, "film.edit(null)")
    expect(stage.locator(".boxing .grip")).to_have_count(0)


@pytest.mark.parametrize(
    ("spacing", "across", "down"),
    [
        ([0.5, 0.2], (32.0, "mm"), (60.0, "mm")),
        (None, (160, "pixels (spacing unknown)"), (120, "pixels (spacing unknown)")),
    ],
    ids=["spacing known", "spacing unknown"],
)
def test_lengths(stage: Page, spacing: list[float] | None, across: tuple[float, str], down: tuple[float, str]) -> None:
    put(stage, "square", spacingMm=spacing, sizeHw=[HEIGHT, WIDTH])
    stage.get_by_role("button", name="Measure a length").click()
    scale = run(stage, "film.view.scale")
    drag(stage, "square", (150, 100), (150 + 160 * scale, 100))
    drag(stage, "square", (200, 120), (200, 120 + 120 * scale))
    texts = stage.locator(".marks text")
    expect(texts).to_have_count(2)
    for text, (length, unit) in zip(texts.all_text_contents(), (across, down), strict=True):
        number, _, told = text.partition(" ")
        assert told == unit
        assert float(number) == pytest.approx(length, rel=0.01)  # a mouse is at whole pixels
    stage.keyboard.press("Delete")
    expect(texts).to_have_count(1)


@pytest.mark.parametrize(("where", "told"), [("detector", " at the detector"), ("patient", ""), ("", "")])
def test_a_length_says_that_it_holds_at_the_detector(stage: Page, where: str, told: str) -> None:
    put(stage, "square", spacingMm=[1, 1], spacingAt=where)
    run(stage, "film.stage.focus()")
    for key in ["l", "Enter", *["ArrowRight"] * 10, "Enter"]:
        stage.keyboard.press(key)
    expected = 80 / run(stage, "film.view.scale")
    expect(stage.locator(".marks text")).to_have_text(f"{expected:.1f} mm{told}")


def test_a_length_by_keys(stage: Page) -> None:
    put(stage, "square", spacingMm=[1, 1])
    run(stage, "film.stage.focus()")
    for key in ["l", "Enter", *["ArrowRight"] * 10, "Enter"]:
        stage.keyboard.press(key)
    expected = 80 / run(stage, "film.view.scale")
    expect(stage.locator(".marks text")).to_have_text(f"{expected:.1f} mm")


def clicks(page: Page, name: str, *points: tuple[float, float]) -> None:
    """Click at film pixels of a film that is not turned."""
    left, top = corner(page, name)
    for x, y in [point(page, name, *at) for at in points]:
        page.mouse.move(left + x, top + y)
        page.mouse.down()
        page.mouse.up()


def test_an_angle_is_three_clicks(stage: Page) -> None:
    put(stage, "square", spacingMm=[1, 2], sizeHw=[HEIGHT, WIDTH])
    run(stage, "film.take('angle')")
    clicks(stage, "square", (200, 100), (100, 100), (150, 200))
    # In millimetres the arms go 200 to the right, and 100 to the right and 100 down.
    number = float(str(stage.locator(".marks text").text_content()).removesuffix("°"))
    assert number == pytest.approx(45, abs=0.7)


@pytest.mark.parametrize(
    ("spacing", "at", "expected", "unit"),
    [
        ([0.5, 0.2], "detector", np.pi / 4 * 32 * 60, "mm² at the detector"),
        (None, "", np.pi / 4 * 160 * 120, "square pixels (spacing unknown)"),
    ],
    ids=["spacing known", "spacing unknown"],
)
def test_an_ellipse_tells_its_area(
    stage: Page, spacing: list[float] | None, at: str, expected: float, unit: str
) -> None:
    put(stage, "square", spacingMm=spacing, spacingAt=at, sizeHw=[HEIGHT, WIDTH])
    run(stage, "film.turn(1)")  # the corners that were dragged are the film's, however it lies
    run(stage, "film.take('ellipse')")
    x0, y0, _, _ = bright(stage, "square")
    scale = run(stage, "film.view.scale")
    drag(stage, "square", (x0, y0), (x0 + 120 * scale, y0 + 160 * scale))
    number, _, told = str(stage.locator(".marks text").text_content()).partition(" ")
    assert told == unit
    assert float(number) == pytest.approx(expected, rel=0.02)


def test_an_arrow_has_words_and_they_are_text(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.take('arrow')")
    for y, said in ((100, HOSTILE), (300, None)):
        drag(stage, "square", (100, y), (200, y + 60))
        field = stage.get_by_label("Words at the arrow")
        field.fill(said or "left alone")
        field.press("Enter" if said else "Escape")
    expect(stage.locator(".marks text")).to_have_text(HOSTILE[:80])
    expect(stage.locator(".mark")).to_have_count(1)
    assert run(stage, "document.activeElement === film.stage")


def test_a_known_length_sets_the_scale(stage: Page) -> None:
    put(stage, "square", sizeHw=[HEIGHT, WIDTH])
    run(stage, "film.take('length')")
    clicks(stage, "square", (10, 350), (110, 350))
    text = stage.locator(".marks .length text")
    expect(text).to_contain_text("pixels (spacing unknown)")
    run(stage, "film.take('scale')")
    clicks(stage, "square", (10, 300), (210, 300))
    stage.get_by_label("Its length in mm").fill("100")
    stage.keyboard.press("Enter")
    expect(text).to_contain_text("mm by the reader’s scale")
    assert float(str(text.text_content()).split()[0]) == pytest.approx(50, rel=0.02)
    stage.keyboard.press("Control+z")
    expect(text).to_contain_text("pixels (spacing unknown)")


def test_the_ratio_of_heart_and_chest(stage: Page) -> None:
    put(stage, "square", sizeHw=[HEIGHT, WIDTH])
    run(stage, "film.take('ratio')")
    scale = run(stage, "film.view.scale")
    drag(stage, "square", (150, 200), (150 + 120 * scale, 230))  # slanted by the hand: the line is level
    drag(stage, "square", (120, 300), (120 + 240 * scale, 300))
    text = stage.locator(".marks text")
    expect(text).to_have_text("heart / chest 0.50")
    (a, b, *_) = run(stage, "film.sheet.marks[0].points")
    assert a[1] == b[1]
    stage.keyboard.press("Escape")
    # Its ends can be taken with any tool, and what was changed is undone.
    drag(stage, "square", (150 + 120 * scale, 200), (150 + 168 * scale, 200))
    expect(text).to_have_text("heart / chest 0.70")
    assert run(stage, "film.window") == {"level": 0.5, "width": 1, "invert": False}
    for key, told in (("Control+z", "0.50"), ("Control+Shift+Z", "0.70"), ("Control+z", "0.50")):
        stage.keyboard.press(key)
        expect(text).to_have_text(f"heart / chest {told}")
    stage.keyboard.press("Delete")
    expect(text).to_have_count(0)
    stage.keyboard.press("Control+z")
    expect(text).to_have_count(1)


def test_words_at_a_mark_stay_in_the_pane(stage: Page) -> None:
    put(stage, "square", spacingMm=[1, 1], spacingAt="detector")
    run(stage, "film.zoomBy(1.3)")  # the film's right edge is the pane's
    run(stage, "film.sheet.add({ kind: 'length', points: [[0.2, 0.5], [0.98, 0.5]] }) || film.paint()")
    words, pane = (stage.locator(name).bounding_box() for name in (".marks .label", ".film-stage"))
    assert words is not None
    assert pane is not None
    assert words["x"] + words["width"] <= pane["x"] + pane["width"]


def test_the_model_starts_the_ratio_and_the_reader_corrects_it(stage: Page) -> None:
    put(stage, "square", sizeHw=[HEIGHT, WIDTH])
    stage.evaluate("""async () => { const { ratioFrom } = await import("/viewer/film-measures.js");
        films.square.on("ratio", () => films.square.sheet.add(
            ratioFrom([0.4, 0.5, 0.7, 0.8], [[0.1, 0.1, 0.45, 0.8], [0.55, 0.1, 0.85, 0.9]]))); }""")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("q")
    stage.get_by_role("button", name="Start from the model").click()
    text = stage.locator(".marks text")
    expect(text).to_have_text("heart / chest 0.40 · lines by the model, not checked")
    x, y = point(stage, "square", 0.4 * WIDTH, 0.65 * HEIGHT)
    drag(stage, "square", (x, y), (x - 40, y))
    expect(text).to_contain_text("· the model’s lines, corrected")


@TURNS
def test_a_heat_map_lies_on_the_film_however_that_lies(stage: Page, turns: int) -> None:
    put(stage, "square", sizeHw=[HEIGHT, WIDTH])
    # Four by five cells; hot where the film has its white box, but for a part of it.
    cells = np.zeros((5, 4), np.uint8)
    cells[1:2, 1:2] = 255
    answer = {"width": 4, "height": 5, "map": base64.b64encode(cells.tobytes()).decode(), "peak": 0.5, "said": "Here."}
    stage.evaluate(
        """(answer) => { const heat = { answer, phrase: "mass", colour: "#ff0000", told: "" };
        films.square.setHeat(heat); films.square.flip(); }""",
        answer,
    )
    run(stage, f"film.turn({turns}) || film.zoomBy(1.2, [320, 300]) || film.paint()")
    place = stage.locator(".film-heat").bounding_box()
    left, top = corner(stage, "square")
    view, size = run(stage, "film.view"), run(stage, "film.size")
    across, down = (size["height"], size["width"]) if turns % 2 else (size["width"], size["height"])
    whole = [left + view["left"], top + view["top"], across * view["scale"], down * view["scale"]]
    assert [place[k] for k in ("x", "y", "width", "height")] == pytest.approx(whole, abs=1.5)  # type: ignore[index]
    x, y = stage.evaluate("""async () => { const { toScreen } = await import("/viewer/film-geometry.js");
        return toScreen(films.square.view, films.square.size, [0.375 * 320, 0.3 * 400]); }""")
    shot = Image.open(io.BytesIO(stage.screenshot()))
    red, green, _ = shot.convert("RGB").getpixel((int(left + x), int(top + y)))  # type: ignore[misc]
    assert red - green > 60
    expect(stage.locator(".film-heat-said")).to_contain_text("mass, strongest 50 %. Here.")
    run(stage, "film.setHeat(null)")
    expect(stage.locator(".film-heat")).to_be_hidden()


def test_linked_films_share_window_and_place(stage: Page) -> None:
    put(stage, "square")
    put(stage, "ramp")
    run(stage, "film.link(films.ramp)")
    run(stage, "film.turn(1)")
    left, top = corner(stage, "ramp")
    stage.mouse.move(left + 100, top + 100)
    stage.mouse.wheel(0, -300)
    stage.wait_for_function("films.square.place.zoom > 1.2")
    drag(stage, "ramp", (300, 300), (200, 260))
    places = [run(stage, "[film.place, film.window, film.view.turns]", name) for name in ("square", "ramp")]
    assert places[0][0] == places[1][0]
    assert places[0][1] == places[1][1]
    assert [place[2] for place in places] == [1, 0]
    run(stage, "film.link(null)")
    run(stage, "film.fit()", "ramp")
    assert run(stage, "film.place.zoom") > 1.2


@pytest.mark.parametrize(
    ("key", "asked", "expected"),
    [
        ("2", "film.presetName", "lung"),
        ("i", "film.window.invert", True),
        ("Shift+ArrowRight", "film.window.width > 1", True),
        ("Shift+ArrowDown", "film.window.level < 0.5", True),
        ("p", "film.hand.name", "pan"),
        ("+", "film.place.zoom > 1.2", True),
        ("-", "film.place.zoom < 0.9", True),
        ("z", "film.view.scale", 1),
        ("r", "film.view.turns", 1),
        ("R", "film.view.turns", 3),
        ("m", "film.magnifier.on", True),
        ("l", "film.hand.name", "length"),
        ("b", "film.boxes.shown", False),
        ("n", "film.boxes.chosen.finding", 0),
        ("N", "film.boxes.chosen.finding", 1),
    ],
)
def test_keys(stage: Page, key: str, asked: str, expected: object) -> None:
    put(stage, "square")
    run(
        stage,
        """film.setFindings([{ phrase: 'one', boxes: [[0, 0, 0.1, 0.1]], colour: '#fff' },
        { phrase: 'two', boxes: [[0.5, 0.5, 0.7, 0.7]], colour: '#fff' }])""",
    )
    run(stage, "film.stage.focus()")
    stage.keyboard.press(key)
    assert run(stage, asked) == pytest.approx(expected)
    for back in ("0", "Escape"):
        stage.keyboard.press(back)
    assert run(stage, "film.place.zoom") == pytest.approx(1)


def test_the_arrows_move_a_film_that_is_larger_than_its_pane(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.zoomBy(4) || film.stage.focus()")
    before = run(stage, "[film.view.left, film.view.top]")
    stage.keyboard.press("ArrowRight")
    stage.keyboard.press("ArrowUp")
    assert run(stage, "[film.view.left, film.view.top]") == [before[0] - 40, before[1] + 40]


def test_the_sheet_lists_the_keys(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("?")
    sheet = stage.locator("dialog.film-help[open]")
    expect(sheet.locator("kbd")).to_contain_text(["1", "I", "Arrows", "+", "0", "Z", "R", "M", "L", "B", "F", "?"])
    stage.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    assert run(stage, "document.activeElement === film.stage")


def test_full_screen(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.stage.focus()")
    stage.keyboard.press("f")
    stage.wait_for_function("document.fullscreenElement === films.square.node")
    stage.wait_for_function("films.square.pane.width > 1200")
    stage.keyboard.press("f")
    stage.wait_for_function("document.fullscreenElement === null")


def test_the_magnifier_shows_what_is_under_the_pointer_larger(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.magnifier.toggle()")
    x0, y0, _, _ = bright(stage, "square")
    left, top = corner(stage, "square")
    stage.mouse.move(left + x0, top + y0)
    stage.wait_for_function(f"Math.abs(films.square.magnifier.at[0] - {x0}) < 2")
    painted = stage.evaluate("""() => { films.square.paint();
        const glass = films.square.magnifier.node.getContext("2d");
        const grey = ([x, y]) => glass.getImageData(x, y, 1, 1).data[0];
        return [[80, 80], [140, 80], [80, 140], [140, 140]].map(grey); }""")
    assert painted == [0, 0, 0, 255]  # its middle is the box's left upper corner
    assert stage.locator(".film-magnifier").bounding_box()["width"] == 220  # type: ignore[index]


def test_a_hostile_phrase_is_text(stage: Page) -> None:
    put(stage, "square", title=HOSTILE)
    stage.evaluate(
        "p => films.square.setFindings([{ phrase: p, boxes: [[0.1, 0.1, 0.4, 0.4]], scores: [0.5], colour: '#fff' }])",
        HOSTILE,
    )
    assert stage.locator(".boxes .label title").evaluate("node => node.textContent") == HOSTILE
    assert stage.locator(".boxes .label text").evaluate("node => node.textContent").startswith("<img src=x")  # type: ignore[union-attr]
    assert stage.locator("img, script").count() == 0
    expect(stage.locator("figcaption .about")).to_have_text(HOSTILE)


def test_names_of_boxes_do_not_cover_each_other(stage: Page) -> None:
    put(stage, "square")
    run(
        stage,
        """film.setFindings(Array.from({ length: 7 }, (_, n) => ({
        phrase: `left pleural effusion ${n}`, boxes: [[0.3 + n / 100, 0.3, 0.7, 0.6]], scores: [0.5],
        colour: '#fff' })))""",
    )
    run(stage, "film.paint()")
    places = stage.eval_on_selector_all(
        ".boxes .label rect",
        "all => all.map(r => r.getBoundingClientRect()).map(b => [b.x, b.y, b.right, b.bottom])",
    )
    for number, (a0, b0, a1, b1) in enumerate(places):
        for c0, d0, c1, d1 in places[:number]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0


def test_lines_are_as_thin_at_any_zoom(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.setFindings([{ phrase: 'x', boxes: [[0.4, 0.4, 0.6, 0.6]], colour: '#56b4e9', dash: '9 5' }])")
    look = "r => [getComputedStyle(r).strokeWidth, r.getScreenCTM().a, getComputedStyle(r).strokeDasharray]"
    line = stage.locator(".boxes .line")
    before = line.evaluate(look)
    run(stage, "film.zoomBy(8) || film.paint()")
    assert line.evaluate(look) == before == ["1.75px", pytest.approx(1, abs=0.01), "9px, 5px"]


def test_boxes_are_chosen_hidden_and_filtered(stage: Page) -> None:
    put(stage, "square")
    findings = """[{ phrase: 'large', boxes: [[0.1, 0.1, 0.9, 0.9]], scores: [0.3], colour: '#fff' },
        { phrase: 'small', boxes: [[0.4, 0.4, 0.6, 0.6], [0, 0, 0.1, 0.1]], scores: [0.9, 0.2], colour: '#0ff' }]"""
    run(stage, f"film.setFindings({findings})")
    stage.locator(".boxes .line").nth(1).click()
    assert stage.evaluate("told.at(-1)") == ["select", "small", 0]
    stage.locator(".boxes .line").nth(0).click(position={"x": 30, "y": 30})
    assert stage.evaluate("told.at(-1)") == ["select", "large", 0]
    expect(stage.locator(".boxes .line.chosen")).to_have_count(1)
    run(stage, "film.setThreshold(0.25)")
    expect(stage.locator(".boxes .line")).to_have_count(2)
    run(stage, f"film.setFindings({findings}.map((f) => ({{ ...f, hidden: f.phrase === 'large' }})))")
    expect(stage.locator(".boxes .line")).to_have_count(1)
    run(stage, "film.setOpacity(0.4)")
    assert stage.locator(".boxes").evaluate("node => getComputedStyle(node).opacity") == "0.4"
    stage.get_by_role("button", name="Boxes").click()
    expect(stage.locator(".boxes .line")).to_have_count(0)


def test_a_film_is_restored_as_it_was(stage: Page) -> None:
    put(stage, "square")
    run(stage, "film.turn(1) || film.zoomBy(3, [100, 100]) || film.setWindow({ level: 0.4, width: 0.3, invert: true })")
    before = bright(stage, "square")
    stage.evaluate("() => { window.kept = JSON.parse(JSON.stringify(films.square.state())); films.square.destroy(); }")
    put(stage, "square")
    run(stage, "film.restore(kept)")
    assert bright(stage, "square") == before
    assert run(stage, "film.window") == {"level": 0.4, "width": 0.3, "invert": True}


def test_a_film_that_is_no_longer_held_keeps_its_small_picture(stage: Page) -> None:
    put(stage, "square", pixels="/pixels/gone")
    expect(stage.locator(".film-message")).to_contain_text("Small picture only")
    assert bright(stage, "square")[2] > 0
    put(stage, "nothing")
    expect(stage.locator(".film-message").last).to_contain_text("No picture of this film")


def test_a_lost_graphics_context_is_replaced(stage: Page) -> None:
    put(stage, "square")
    before = bright(stage, "square")
    run(stage, "film.screen.canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext()")
    stage.wait_for_function("films.square.screen.kind === '2d'")
    assert bright(stage, "square") == pytest.approx(before, abs=2)


def test_two_fingers_zoom_and_move(stage: Page) -> None:
    put(stage, "square")
    left, top = corner(stage, "square")
    session = stage.context.new_cdp_session(stage)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": left + x, "y": top + y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", (250, 250))
    touch("touchStart", (250, 250), (350, 250))
    touch("touchMove", (200, 250), (400, 250))
    touch("touchEnd")
    stage.wait_for_function("films.square.place.zoom > 1.9")
    assert run(stage, "film.place.zoom") == pytest.approx(2, rel=0.02)
    assert run(stage, "film.window") == {"level": 0.5, "width": 1, "invert": False}
