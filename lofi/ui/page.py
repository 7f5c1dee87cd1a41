"""The page: put a film in, see similar studies, ask phrases, see boxes."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import gradio as gr

from lofi.answers import film_card
from lofi.errors import LofiError
from lofi.gallery import parse_where
from lofi.query import parse_phrases
from lofi.radiograph import Radiograph
from lofi.ui.api import endpoints
from lofi.ui.boundary import Boundary
from lofi.ui.case import Case, grow
from lofi.ui.modules import mount_script
from lofi.ui.room import Room
from lofi.ui.upload import film_upload

SEPARATORS = "\n,;"
Shown = tuple[dict[str, Any], Case]

_HEADER = """
<div class="lofi-head"><h1>LoFi</h1><p>Similar studies and boxes for a chest film</p>
<p class="lofi-research">Research use only. Not for diagnosis.</p></div>
"""


def page(room: Room) -> gr.Blocks:
    """The whole app as Blocks, page and API."""
    with Boundary(title="LoFi", analytics_enabled=False, delete_cache=(60, 120), fill_width=True) as blocks:
        case = gr.State(Case())
        gr.HTML(_HEADER, padding=False, apply_default_css=False)
        with gr.Row(elem_classes="lofi-room"):
            with gr.Column(elem_classes="lofi-desk", scale=0, min_width=300):
                film = film_upload(label="Chest film: PNG, JPEG or DICOM", elem_id="film", height=120)
                examples = _scripted("examples.js", "mountExamples", elem_id="examples")
                with gr.Group():
                    phrases = gr.Textbox(
                        "",
                        label="Phrases to find",
                        info="One a line, or separated by commas",
                        placeholder="left pleural effusion\ncardiomegaly",
                        lines=3,
                        max_lines=8,
                        elem_id="phrases",
                    )
                    find = gr.Button("Find on the film", variant="primary", elem_id="find")
                with gr.Accordion("Filter the similar studies", open=False):
                    where = gr.Textbox(
                        "", label="Filter", info="view=PA sex=F age=40-60 label=Effusion", lines=1, elem_id="where"
                    )
            with gr.Column(elem_classes="lofi-light"):
                viewer = _scripted("room.js", "mountViewer", elem_id="viewer", value=Case().to_json())
        _events(blocks, room, film, examples, phrases, find, where, viewer, case)
        endpoints(room)
    blocks.queue(max_size=64, default_concurrency_limit=2)
    return blocks


def _scripted(module: str, mount: str, value: Any = None, **arguments: Any) -> gr.HTML:
    """An HTML component that a function of a module draws. Its template is constant: data travel as props only."""
    return gr.HTML(
        value,
        html_template="<div></div>",
        js_on_load=f"{mount_script(module, mount)} // 'example'",  # Gradio looks for events' names in quotes
        apply_default_css=False,
        **arguments,
    )


def _events(
    blocks: gr.Blocks,
    room: Room,
    film: gr.File,
    examples: gr.HTML,
    phrases: gr.Textbox,
    find: gr.Button,
    where: gr.Textbox,
    viewer: gr.HTML,
    case: gr.State,
) -> None:
    """Join components and functions; a new film ends the answers to the one before."""
    shown = [viewer, case]
    quiet = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": 2, "concurrency_id": "model"}
    running: list[Any] = []
    blocks.load(partial(gallery_card, room), None, examples, show_progress="hidden", api_visibility="private")
    running.append(film.upload(partial(open_upload, room), [film, phrases, where, case], [*shown, film], **quiet))
    running.append(examples.example(_example_opener(room), [phrases, where, case], shown, **quiet))
    asked = gr.on([find.click, phrases.submit], partial(find_phrases, room), [phrases, case], shown, **quiet)
    filtered = where.submit(partial(filter_hits, room), [where, case], shown, **quiet)
    running += [asked, filtered]
    for event in (film.upload, examples.example):
        event(None, cancels=running[2:], api_visibility="private")


def gallery_card(room: Room) -> dict[str, Any]:
    """The examples and what the searched gallery is, once the engine is loaded."""
    gallery = room.engine.gallery
    simulated = sum(study.simulated for study in gallery.studies)
    return {
        "studies": len(gallery),
        "simulated": simulated,
        "examples_simulated": all(study.simulated for study in room.examples),
        "examples": [{"study_id": study.study_id, "labels": list(study.labels)} for study in room.examples],
    }


def open_upload(room: Room, data: bytes | None, phrases: str, where: str, case: Case) -> Iterator[tuple[Any, Any, Any]]:
    """Read an upload and answer about it. A file that is no film changes nothing on the page."""
    yield gr.skip(), gr.skip(), None  # the input is free for the next file, whatever becomes of this one
    if data is not None:
        film = Radiograph.read(data)
        for view, grown in _opened(room, film, Case(case.turn + 1, "Your film"), phrases, where):
            yield view, grown, gr.skip()


def _example_opener(room: Room) -> Any:
    def open_example(phrases: str, where: str, case: Case, event: gr.EventData) -> Iterator[Shown]:
        study_id = str(event._data.get("study_id", "")) if isinstance(event._data, dict) else ""
        film = room.study_film(study_id)
        opened = Case(case.turn + 1, "Example film", own=room.own_study(study_id))
        yield from _opened(room, film, opened, phrases, where)

    return open_example


def _opened(room: Room, film: Radiograph, case: Case, phrases: str, where: str) -> Iterator[Shown]:
    parse_where(where)  # a wrong filter is told before the film replaces the one on the screen
    asked = parse_phrases(phrases, SEPARATORS) if phrases.strip() else ()
    room.show(film)
    case = replace(case, film=film_card(film), where=where, phrases=asked)
    waiting = replace(case, busy=True)
    yield waiting.to_json(), waiting
    room.engine.encode(film)
    yield from ((grown.to_json(), grown) for grown in grow(room.engine, case))


def find_phrases(room: Room, phrases: str, case: Case) -> Iterator[Shown]:
    """Ground the phrases of the field on the film; those answered already keep their answer."""
    asked = parse_phrases(phrases, SEPARATORS)
    if case.film is None:
        raise LofiError("First drop a film, or pick an example.")
    yield from ((grown.to_json(), grown) for grown in grow(room.engine, replace(case, phrases=asked)))


def filter_hits(room: Room, where: str, case: Case) -> Iterator[Shown]:
    """Search again with another filter."""
    parse_where(where)
    if case.film is not None:
        again = replace(case, where=where, hits=None)
        yield from ((grown.to_json(), grown) for grown in grow(room.engine, again))
