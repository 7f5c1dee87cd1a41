import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import train.index
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.gallery import Gallery, index_file, read_jsonl, study_from_record
from lofi.results import Study
from tests.doubles import TinyEmbedder, noise_film
from train.data.reports_csv import read_reports
from train.index import main
from train.indexing import changes
from train.indexing.arguments import studies_of_records
from train.indexing.building import Options
from train.indexing.changes import index

COUNT = 7


def write_film(path: Path, seed: int, **save: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.round(noise_film(seed).pixels * 255).astype(np.uint8)
    Image.fromarray(grey).save(path, **save)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder of seven films with a records.jsonl: two patients a pair, val for the last."""
    folder = tmp_path / "films"
    records = []
    for number in range(COUNT):
        write_film(folder / "images" / f"DOE_{number}.png", number)
        records.append(
            {
                "image": f"images/DOE_{number}.png",
                "patient_id": f"p{number // 2}",
                "split": "val" if number == COUNT - 1 else "train",
                "findings": ["Mass"],
                "label_text": "A mass.",
                "boxes": [{"phrase": "mass", "label": "Mass", "kind": "finding", "box": [0.1, 0.1, 0.4, 0.3]}],
            }
        )
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


@pytest.fixture
def studies(films: Path) -> list[Study]:
    return studies_of_records(films / "records.jsonl", None, None)


def same(first: Gallery, second: Gallery) -> bool:
    return first.studies == second.studies and np.array_equal(first.vectors, second.vectors)


def run(studies: list[Study], films: Path, out: Path, model: TinyEmbedder, **options: bool) -> Gallery:
    return index(studies, films, model, out, Options(shard=3, quiet=True, **options))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line with the stand-in for a checkpoint."""
    monkeypatch.setattr(train.index, "Checkpoint", lambda place: TinyEmbedder())
    return lambda *arguments: main([str(argument) for argument in arguments])


def test_index_finds_each_film_by_itself(studies: list[Study], films: Path, tmp_path: Path) -> None:
    gallery = run(studies, films, tmp_path / "out", TinyEmbedder())
    assert [study.image for study in gallery.studies] == [f"images/DOE_{n}.png" for n in range(COUNT)]
    for study in gallery.studies:
        path = gallery.image_path(study)
        assert path == (films / study.image).resolve()
        vector = TinyEmbedder().embed([Radiograph.read(path)])[0]
        assert gallery.search(vector, 1)[0].study.study_id == study.study_id
    assert not (tmp_path / "out" / ".partial").exists()


def test_interrupted_run_goes_on_where_it_was(studies: list[Study], films: Path, tmp_path: Path) -> None:
    class Stopped(TinyEmbedder):
        def embed(self, radiographs: list[Radiograph]) -> np.ndarray:
            if sum(self.batches) >= 3:
                raise KeyboardInterrupt
            return super().embed(radiographs)

    with pytest.raises(KeyboardInterrupt):
        run(studies, films, tmp_path / "out", Stopped())
    rest = TinyEmbedder()
    resumed = run(studies, films, tmp_path / "out", rest)
    assert sum(rest.batches) == COUNT - 3
    assert same(resumed, run(studies, films, tmp_path / "whole", TinyEmbedder()))


@pytest.mark.parametrize("change", ["model", "record", "film", "damaged shard", "thumbnails asked", "nothing"])
def test_kept_shard_is_used_only_where_all_is_as_it_was(
    studies: list[Study], films: Path, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, model = tmp_path / "out", TinyEmbedder()
    with monkeypatch.context() as patch:
        patch.setattr(changes.shutil, "rmtree", lambda *_, **__: None)  # As if stopped at the very end.
        run(studies, films, out, TinyEmbedder())
    match change:
        case "model":
            model.fingerprint = "b" * 64
        case "record":
            lines = (films / "records.jsonl").read_text().replace("A mass.", "No mass.", 1)
            (films / "records.jsonl").write_text(lines)
            studies = studies_of_records(films / "records.jsonl", None, None)
        case "film":
            write_film(films / "images" / "DOE_1.png", 99)
        case "damaged shard":
            for path in (out / ".partial").glob("*/vectors-*.safetensors"):
                path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    gallery = run(studies, films, out, model, thumbs=change == "thumbnails asked")
    expected = {"model": COUNT, "film": 1}.get(change, 0)
    assert sum(model.batches) == expected
    assert same(gallery, run(studies, films, tmp_path / "whole", model, thumbs=change == "thumbnails asked"))


def test_deleted_thumbnails_are_made_again(
    studies: list[Study], films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(changes.shutil, "rmtree", lambda *_, **__: None)
        first = run(studies, films, tmp_path / "out", TinyEmbedder(), thumbs=True)
    (tmp_path / "out" / first.studies[0].thumbnail).unlink()
    second = run(studies, films, tmp_path / "out", TinyEmbedder(), thumbs=True)
    assert all(second.thumbnail_path(study) for study in second.studies)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda film: film.unlink(), id="missing"),
        pytest.param(lambda film: film.write_bytes(b""), id="empty"),
        pytest.param(lambda film: film.write_bytes(film.read_bytes()[:60]), id="cut"),
        pytest.param(lambda film: film.write_bytes(b"DOE^JANE" * 50), id="text"),
        pytest.param(lambda film: (film.unlink(), film.mkdir()), id="a folder"),
    ],
)
def test_unreadable_film_is_counted_and_skipped(
    studies: list[Study], films: Path, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    spoil(films / "images" / "DOE_2.png")
    gallery = run(studies, films, tmp_path / "out", TinyEmbedder())
    assert len(gallery) == COUNT - 1
    assert sum(gallery.dropped.values()) == 1
    assert not any("DOE" in reason or str(tmp_path) in reason for reason in gallery.dropped)


@pytest.mark.parametrize("image", ["../secret.png", "{root}/secret.png", "images/../../secret.png"])
def test_record_that_leads_out_of_the_folder_is_not_read(films: Path, tmp_path: Path, image: str) -> None:
    write_film(tmp_path / "secret.png", 1)
    hostile = study_from_record({"image": image.format(root=tmp_path)})
    gallery = run([hostile], films, tmp_path / "out", TinyEmbedder(), thumbs=True, copy_images=True, force=True)
    assert len(gallery) == 0
    assert gallery.dropped == {"The record's film is not in the folder of films.": 1}
    assert not [path for path in (tmp_path / "out").rglob("*") if path.suffix in {".png", ".webp"}]


def test_copied_films_lie_inside_without_names_or_headers(films: Path, tmp_path: Path, shared: Path) -> None:
    tagged = PngImagePlugin.PngInfo()
    tagged.add_text("Patient", "DOE^JANE")
    write_film(films / "images" / "DOE_0.png", 0, pnginfo=tagged)
    dicom = next(iter(sorted((shared / "dicom" / "chest").glob("*.dcm"))))
    (films / "images" / "DOE_1.png").write_bytes(dicom.read_bytes())
    studies = studies_of_records(films / "records.jsonl", None, None)
    gallery = run(studies, films, tmp_path / "out", TinyEmbedder(), copy_images=True)
    assert len(gallery) == COUNT
    copies = [gallery.image_path(study) for study in gallery.studies]
    for number, copy in enumerate(copies):
        assert copy is not None
        assert copy.parent == (tmp_path / "out" / "films").resolve()
        assert b"DOE" not in copy.read_bytes()
        assert "DOE" not in copy.name
        original = Radiograph.read(films / "images" / f"DOE_{number}.png")
        assert Radiograph.read(copy).pixels == pytest.approx(original.pixels, abs=2**-16)
    assert copies[3] is not None
    assert copies[3].read_bytes() == (films / "images" / "DOE_3.png").read_bytes()


@pytest.mark.parametrize(
    ("options", "count"), [([], 7), (["--split", "train"], 6), (["--limit", "2"], 2), (["--split", "val"], 1)]
)
def test_command_on_records(
    films: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str],
    options: list[str], count: int,
) -> None:  # fmt: skip
    assert command("--records", films / "records.jsonl", "--out", tmp_path / "out", "--half", *options) == 0
    assert len(Gallery.open(tmp_path / "out", TinyEmbedder().fingerprint)) == count
    shown = capsys.readouterr().out
    assert f"{count} films of {(count + 1) // 2} known patients" in shown
    assert "Left out: 0 films." in shown


def test_command_on_records_whose_films_lie_elsewhere(films: Path, tmp_path: Path, command: Callable[..., int]) -> None:
    records = tmp_path / "moved.jsonl"
    (films / "records.jsonl").rename(records)
    assert command("--records", records, "--out", tmp_path / "wrong") == 1  # Nothing found there.
    assert command("--records", records, "--images-root", films, "--out", tmp_path / "right") == 0


def test_command_on_a_folder_with_csv(films: Path, tmp_path: Path, command: Callable[..., int]) -> None:
    csv = tmp_path / "reports.csv"
    csv.write_text("file,report,sex\nDOE_0.png,Clear.,F\nDOE_9.png,Missing.,M\n")
    assert command("--films", films / "images", "--csv", csv, "--out", tmp_path / "out") == 0
    gallery = Gallery.open(tmp_path / "out")
    assert [(study.report, study.sex) for study in gallery.studies] == [("Clear.", "F")]
    assert sum(gallery.dropped.values()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--films", "{films}"], "--films and --csv belong together", id="films without csv"),
        pytest.param(["--records", "{films}/records.jsonl", "--csv", "x"], "belong together", id="csv without films"),
        pytest.param(["--records", "{films}/none.jsonl"], "record file cannot be read", id="no such file"),
        pytest.param(
            ["--records", "{films}/records.jsonl", "--split", "test"],
            r"No record .* in the file: train, val",
            id="split",
        ),
        pytest.param(["--records", "{films}/records.jsonl", "--limit", "0"], "--limit", id="limit"),
        pytest.param(
            ["--records", "{films}/records.jsonl", "--images-root", "{films}/misspelt"],
            "None of the 7 films .* --force",
            id="misspelt",
        ),
    ],
)
def test_command_says_what_is_wrong(
    films: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str],
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    assert command(*(part.format(films=films) for part in arguments), "--out", tmp_path / "out") == 1
    caught = capsys.readouterr()
    assert pytest.raises(BadQuery, match=message).matches(BadQuery(caught.err))
    assert not (tmp_path / "out").exists()


def test_out_must_not_be_a_file(
    films: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("mine")
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        assert command("--records", films / "records.jsonl", "--out", out) == 1
        assert "a file lies there" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


def test_command_stopped_by_the_user(
    films: Path, tmp_path: Path, command: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TinyEmbedder, "embed", stop)
    assert command("--records", films / "records.jsonl", "--out", tmp_path / "out") == 130


FULL = Study(
    "", "Left effusion, large.", ("Effusion", "Mass"), "PA", "ward 7", "F", 58.0, "", "a.dcm"
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "file,report,labels,view,sex,age,source\n"
            'a.dcm,"Left effusion, large.",Effusion;Mass,pa,female,058Y,ward 7\n',
            id="commas",
        ),
        pytest.param(
            "\ufeffFile;Report;Labels;View Position;Gender;Age;Source\r\n"
            "a.dcm;Left effusion, large.;Effusion|Mass;PA;F;58;ward 7\r\n\r\n",
            id="Excel: semicolons, mark of order, capitals, blank row",
        ),
        pytest.param(
            "age\tsex\tsource\tview_position\tfindings\ttext\tfilename\n"
            "58\tF\tward 7\tPA\tEffusion;Mass\tLeft effusion, large.\ta.dcm\n",
            id="tabs, other order and names",
        ),
    ],
)
def test_csv_dialects(tmp_path: Path, text: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes(text.encode())
    (study,) = read_reports(path)
    assert study == Study(**{**FULL.__dict__, "study_id": study.study_id})
    assert "dcm" not in study.study_id


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "reports.csv"
    path.write_bytes("file,report\na.png,Überblähung\n".encode(encoding))
    assert read_reports(path)[0].report == "Überblähung"


@pytest.mark.parametrize(
    ("data", "report"),
    [
        pytest.param(b'file,report\ra.png,"Clear, small"\rb.png,x\r', "Clear, small", id="CR alone"),
        pytest.param(b"sep=;\r\nfile;report\r\na.png;Clear, small\r\n", "Clear, small", id="Excel's sep="),
        pytest.param(b'"sep=|"\nfile|report\na.png|Clear; small\n', "Clear; small", id="sep= in quotation marks"),
        pytest.param(b"file,report,,\na.png,Clear,,\n", "Clear", id="empty cells beyond the header"),
        pytest.param("file,report\na.png,Überblähung\n".encode("utf-16-le"), "Überblähung", id="UTF-16 without mark"),
        pytest.param("file,report\na.png,– “naïve” éé\n".encode("cp1252"), "– “naïve” éé", id="Western"),
    ],
)
def test_csv_that_is_read(tmp_path: Path, data: bytes, report: str) -> None:
    (tmp_path / "reports.csv").write_bytes(data)
    assert read_reports(tmp_path / "reports.csv")[0].report == report


@pytest.mark.parametrize(
    ("encoding", "report"), [("gbk", "胸部正常"), ("shift_jis", "胸部X線は正常"), ("cp1251", "Лёгкие чистые")]
)
def test_an_encoding_that_cannot_be_told_is_asked_for(tmp_path: Path, encoding: str, report: str) -> None:
    (tmp_path / "reports.csv").write_bytes(f"file,report\na.png,{report}\n".encode(encoding))
    with pytest.raises(BadQuery, match="--encoding"):
        read_reports(tmp_path / "reports.csv")
    assert read_reports(tmp_path / "reports.csv", encoding)[0].report == report
    for other in ("no such", "rot13", "utf-8", "ascii"):
        with pytest.raises(BadQuery, match="encoding"):
            read_reports(tmp_path / "reports.csv", other)


def test_a_row_with_too_many_cells_is_not_cut(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text("file,report\na.png,Left effusion, large\n")
    with pytest.raises(BadQuery, match=r"Row 2 of the CSV has 3 cells, the header 2: put quotation marks"):
        read_reports(tmp_path / "reports.csv")


@pytest.mark.parametrize(
    "written",
    ["ward\\Röntgen.png", "ward/Ro\u0308ntgen.png", "{films}/ward/Röntgen.png", "ward/../ward/Röntgen.png"],
    ids=["backslashes", "decomposed", "absolute", "climbing"],
)
def test_films_are_found_however_their_path_is_written(
    tmp_path: Path, written: str, command: Callable[..., int]
) -> None:
    films = tmp_path / "films"
    write_film(films / "ward" / "Röntgen.png", 1)
    (tmp_path / "r.csv").write_text(f"file,report\n{written.format(films=films)},Clear.\n", "utf-8")
    assert command("--films", films, "--csv", tmp_path / "r.csv", "--out", tmp_path / "out") == 0
    gallery = Gallery.open(tmp_path / "out")
    assert [study.image for study in gallery.studies] == ["ward/Röntgen.png"]
    assert str(tmp_path) not in (tmp_path / "out" / "gallery.json").read_text()


def test_moved_films_are_told_of_and_found_again(
    films: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--records", films / "records.jsonl", "--out", tmp_path / "out") == 0
    assert "LOFI_IMAGE_ROOT" not in capsys.readouterr().out
    films.rename(tmp_path / "moved")
    gallery = Gallery.open(tmp_path / "out")
    assert re.match(r"7 of 7 films .* LOFI_IMAGE_ROOT or --images-root", gallery.missing_films())
    mended = Gallery.open(tmp_path / "out", image_root=tmp_path / "moved")
    assert mended.missing_films() == ""
    assert all(mended.image_path(study) for study in mended.studies)


def test_command_adds_and_removes(
    films: Path, tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    records, out = films / "records.jsonl", tmp_path / "out"
    assert command("--records", records, "--limit", 4, "--out", out) == 0
    assert command("--add", "--records", records, "--out", out) == 0
    assert "3 added; 4 stayed as they were." in capsys.readouterr().out
    name = Gallery.open(out).studies[0].study_id
    assert command("--remove", name, "nobody", "--out", out) == 0
    assert "1 removed; 6 stayed as they were." in capsys.readouterr().out
    assert command("--remove", name, "--out", out) == 0
    assert "Nothing to do" in capsys.readouterr().out


def test_csv_patient_becomes_an_opaque_key(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    path.write_text("file,report,patient\na.png,x,DOE^JANE\nb.png,x,DOE^JANE\nc.png,x,\n")
    first, second, third = (study.patient_key for study in read_reports(path))
    assert first == second != third == ""
    assert "DOE" not in first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "must name the columns file and report", id="empty"),
        pytest.param("DOE.png,Clear lungs\n", "must name the columns .* lacks file and report", id="no header"),
        pytest.param("file,comment\nDOE.png,x\n", "lacks report", id="no report"),
        pytest.param("file,report\n", "no row below", id="header alone"),
        pytest.param("file,report\na.png,x\nDOE.png\n", "Row 3 of the CSV has 1 cells", id="short row"),
        pytest.param("file,report\na.png,x\n ,DOE\n", "Row 3 of the CSV names no file", id="no file"),
        pytest.param('file,report\na.png,"DOE\n', "Row 2 of the CSV cannot be read", id="open quotation"),
        pytest.param("file,report\na.png,x\nb.png," + "DOE" * 400_000, "Row 3 of the CSV", id="endless cell"),
    ],
)
def test_csv_errors_name_the_row_but_no_value(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "DOE.csv"
    path.write_text(text)
    with pytest.raises(BadQuery, match=message) as caught:
        read_reports(path)
    assert "DOE" not in str(caught.value)


@pytest.mark.shared
def test_real_films(shared: Path, tmp_path: Path) -> None:
    labelled = next(one for one in read_jsonl(shared / "cxr" / "records.jsonl") if "label_text" in one)
    studies = studies_of_records(shared / "cxr" / "records.jsonl", "val", 12)
    gallery = index(studies, shared / "cxr", TinyEmbedder(), tmp_path, Options(thumbs=True, quiet=True))
    assert len(gallery) == 12
    assert all(gallery.image_path(study) and gallery.thumbnail_path(study) for study in gallery.studies)
    assert study_from_record(labelled).report == labelled["label_text"]


def test_a_graph_is_tuned_by_texts_as_wide_as_films(
    studies: list[Study], films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phrases are half as wide as films where these are embedded by two networks: the build failed from 2,001 on."""

    class Narrow(TinyEmbedder):
        def embed_text(self, texts: list[str]) -> np.ndarray:
            return super().embed_text(texts)[:, : self.embed_dim // 2]

        def embed_query(self, texts: list[str]) -> np.ndarray:
            asked.extend(texts)
            return TinyEmbedder.embed_text(self, texts)

    asked: list[str] = []
    monkeypatch.setattr(changes, "EXACT_BELOW", 2)
    monkeypatch.setattr(index_file, "EXACT_BELOW", 2)
    gallery = run(studies, films, tmp_path / "out", Narrow())
    assert asked == ["mass", "right mass"] or asked == ["mass", "left mass"]
    assert len(gallery) == COUNT
