"""A page that holds films and nothing else: the viewer's modules, and films served from memory by their address."""

import gzip
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page, Route

from lofi.film.radiograph import Radiograph
from lofi.film.view import preview
from lofi.ui.modules import STYLES, modules
from lofi.ui.packed import pack

HOST = "http://film.test"
_HTML = """<!doctype html><meta charset="utf-8"><title>Film</title><style>{style}
html, body {{ margin: 0; background: #0d1013; }}
#panes {{ display: flex; gap: 8px; }}
#panes > * {{ width: {width}px; height: {height}px; box-sizing: border-box; }}
</style><div id="panes"></div>"""
_PUT = """async ([name, options]) => {
    const { createFilm } = await import("/viewer/film.js");
    window.films ??= {};
    window.told ??= [];
    const film = window.films[name] = createFilm(options);
    film.on("shown", (kind) => window.told.push(["shown", kind]));
    film.on("select", (phrase, index) => window.told.push(["select", phrase, index]));
    film.on("stop", (tool) => window.told.push(["stop", tool]));
    document.querySelector("#panes").append(film.node);
    await film.loaded;
    film.fitPane();
}"""
_GREYS = """([name, points]) => {
    const film = window.films[name];
    film.paint(); // what a shader painted can be read only before the task ends
    const { width, height } = film.screen.canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(film.screen.canvas, 0, 0);
    return points.map(([x, y]) => copy.getImageData(Math.floor(x), Math.floor(y), 1, 1).data[0]);
}"""
_BRIGHT = """(name) => {
    const film = window.films[name];
    film.paint();
    const { width, height } = film.screen.canvas;
    const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    copy.drawImage(film.screen.canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    let [x0, y0, x1, y1] = [width, height, 0, 0];
    for (let at = 0; at < width * height; at += 1) {
        if (data[4 * at] < 200) continue;
        const [x, y] = [at % width, Math.floor(at / width)];
        [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x + 1), Math.max(y1, y + 1)];
    }
    return [x0, y0, x1, y1];
}"""


def serve(page: Page, films: Mapping[str, Radiograph], pane: tuple[int, int] = (640, 640)) -> None:
    """Open the page; ``/picture/<name>`` and ``/pixels/<name>`` answer for each film, all else is 404."""
    style = "".join(path.read_text("utf-8") for path in STYLES)

    def answer(route: Route) -> None:
        kind, _, name = route.request.url.removeprefix(f"{HOST}/").partition("/")
        if kind == "":
            route.fulfill(body=_HTML.format(style=style, width=pane[0], height=pane[1]), content_type="text/html")
        elif kind == "viewer" and name in modules():
            route.fulfill(body=modules()[name], content_type="text/javascript")
        elif kind == "picture" and name in films:
            route.fulfill(body=preview(films[name]), content_type="image/jpeg")
        elif kind == "pixels" and name in films:
            packed = pack(films[name])
            headers = {name: value for name, value in packed.headers().items() if name != "Content-Encoding"}
            route.fulfill(body=gzip.decompress(packed.body), headers=headers)
        else:
            route.fulfill(status=404)

    page.route(f"{HOST}/**", answer)
    page.goto(f"{HOST}/")


def put(page: Page, name: str, **options: Any) -> None:
    """Put a film on the page, as ``films[name]``, and wait until all of it is shown."""
    given = {"name": name, "preview": f"/picture/{name}", "pixels": f"/pixels/{name}", "sides": "usual", **options}
    page.evaluate(_PUT, [name, given])


def corner(page: Page, name: str) -> tuple[float, float]:
    """The left upper corner of a film's stage on the page."""
    x, y = page.evaluate(
        "name => { const box = films[name].stage.getBoundingClientRect(); return [box.left, box.top]; }", name
    )
    return float(x), float(y)


def greys(page: Page, name: str, points: list[tuple[float, float]]) -> list[int]:
    """The grey (0–255) painted at points of the stage."""
    return [int(value) for value in page.evaluate(_GREYS, [name, points])]


def bright(page: Page, name: str) -> list[int]:
    """The smallest box of the stage, in its pixels, around all that is painted bright; read from the picture alone."""
    return [int(value) for value in page.evaluate(_BRIGHT, name)]


def drag(page: Page, name: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the mouse between two points of a film's stage."""
    left, top = corner(page, name)
    page.mouse.move(left + start[0], top + start[1])
    page.mouse.down()
    page.mouse.move(left + (start[0] + end[0]) / 2, top + (start[1] + end[1]) / 2)
    page.mouse.move(left + end[0], top + end[1])
    page.mouse.up()
