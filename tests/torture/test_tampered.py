"""A file of params, state or a run that was damaged or forged is refused or passed over, never obeyed."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from crmlab.data.fingerprints import digest
from crmlab.errors import CrmlabError, DataError, ParamsError, PluginLoadError, UnknownPluginError
from crmlab.estimators import Classifier
from crmlab.labels import Label, Scheme, Text
from crmlab.params import read_study
from crmlab.report import manifest
from crmlab.report.gallery import write as write_gallery
from crmlab.report.history import Earlier, History
from crmlab.report.unchanged import link
from crmlab.state import write_day


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Big(Classifier):
    """Big or small against the mean."""

    title: ClassVar[Text] = Text("大小", "Size")
    requires: ClassVar[tuple[str, ...]] = ("spend",)
    scheme: ClassVar[Scheme] = Scheme(
        "s", "大小", "Size", (Label("b", "大", "Big"), Label("s", "小", "Small"))
    )
    factor: float = 1.0

    def _fit(self, features: pl.DataFrame) -> None:
        self.mean_ = features["spend"].mean()
        self.seen_ = features.select("customer_id", "spend")


CUSTOMERS = pl.DataFrame({"customer_id": list("abcdefgh"), "spend": [float(n) for n in range(8)]})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    Big().fit(CUSTOMERS).save(tmp_path / "state")
    return tmp_path / "state"


def changed(path: Path, **parts: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **parts}), encoding="utf-8")


FORGED: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "list": lambda path: path.write_text("[1, 2]"),
    "number": lambda path: path.write_text("7"),
    "deep": lambda path: path.write_text("[" * 200_000),
    "long number": lambda path: path.write_text('{"plugin": ' + "9" * 100_000 + "}"),
    "other plugin": lambda path: changed(path, plugin="Small"),
    "unknown parameter": lambda path: changed(path, params={"factor": 1.0, "more": 1}),
    "wrong type": lambda path: changed(path, params={"factor": "much"}),
    "params no mapping": lambda path: changed(path, params=[1]),
    "method": lambda path: changed(path, state={"predict": "x"}),
    "dunder": lambda path: changed(path, state={"__class__": "x"}),
    "frame outside": lambda path: changed(path, frames=["../outside_"]),
    "absolute frame": lambda path: changed(path, frames=["/outside_"]),
    "frame absent": lambda path: changed(path, frames=["nowhere_"]),
    "frames no list": lambda path: changed(path, frames=3),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_state_is_refused(state: Path, how: str) -> None:
    CUSTOMERS.write_parquet(state.parent / "outside_.parquet")
    FORGED[how](state / "state.json")
    with pytest.raises(DataError, match="No state of Big can be read from state"):
        Big.load(state)


@pytest.mark.parametrize("name", ["state.json", "seen_.parquet", "learned_on.txt", "more.txt", ""])
def test_a_state_that_is_not_as_its_run_wrote_it_is_refused(tmp_path: Path, name: str) -> None:
    """Also where it makes sense: a number in it was changed."""
    run = tmp_path / "20240102T000000Z-0c0d00"
    folder = run / "state" / "segmentation" / "big"
    Big().fit(CUSTOMERS).save(folder)
    write_day(folder, date(2024, 1, 2))
    outputs = manifest.outputs(run, folder.iterdir())
    manifest.write(run, {"reports": [{"outputs": outputs}]})
    assert Big.load(folder).mean_ == 3.5
    if name == "state.json":
        changed(folder / name, state={"mean_": 4.5, "fitted_": True})
    elif name:
        (folder / name).write_bytes((folder / name).read_bytes() + b" " if (folder / name).exists() else b"")
    else:
        manifest.write(run, {"reports": []})
    with pytest.raises(DataError, match=rf"{name or 'learned_on.txt'} is not as the run {run.name} wrote it"):
        Big.load(folder)


@pytest.mark.parametrize("name", ["state.json", "seen_.parquet"])
def test_a_pickle_in_place_of_a_state_is_not_unpickled(state: Path, name: str) -> None:
    trap = state.parent / "SPRUNG"
    (state / name).write_bytes(pickle.dumps(Trap(trap)))
    with pytest.raises(DataError):
        Big.load(state)
    assert not trap.exists()
    pickle.loads((state / name).read_bytes())
    assert trap.exists(), "the trap itself is harmless"


def test_flipped_bits_end_in_an_error_or_a_state_of_the_same_shape(state: Path) -> None:
    """Bits of a number cannot be told from the number; the manifest's sha256 is what tells."""
    chance, refused = random.Random(3), 0
    for name in ("state.json", "seen_.parquet"):
        whole = (state / name).read_bytes()
        for _ in range(150):
            flipped = bytearray(whole)
            flipped[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
            (state / name).write_bytes(flipped)
            try:
                loaded = Big.load(state)
            except DataError:
                refused += 1
            else:
                assert all(attribute.endswith("_") or attribute == "factor" for attribute in vars(loaded))
        (state / name).write_bytes(whole)
    assert refused > 100


DATA = "study: s\nas_of: 2024-06-30\ndata: [{source: sample}]\n"
STUDIES: dict[str, tuple[str, str]] = {
    "code": ("study: !!python/object/apply:os.system ['touch SPRUNG']", "study.yaml"),
    "object": ("study: !!python/object:crmlab.lab.Lab {}", "study.yaml"),
    "pickle": ("", ""),
    "binary": ("\x00\x01\x02", ""),
    "list": ("- a\n- b", ""),
    "text": ("only words", ""),
    "path": ("study: ../../escape\nas_of: 2024-06-30", "study"),
    "absolute": ("study: /etc/escape\nas_of: 2024-06-30", "study"),
    "hidden": ("study: .run-x\nas_of: 2024-06-30", "study"),
    "device": ("study: 'a\\0b'\nas_of: 2024-06-30", "study"),
    "report path": ("study: s\nas_of: 2024-06-30\nreports: {../../escape: }", "escape"),
    "huge number": (
        "study: s\nas_of: 2024-06-30\ndata: [{source: sample}]\ncell_timeout: " + "9" * 400,
        "cell_timeout",
    ),
    "huge keeping": (
        "study: s\nas_of: 2024-06-30\ndata: [{source: sample}]\nkeep: {days: 99999999999}",
        "keep.days",
    ),
    "infinite": ("study: s\nas_of: 2024-06-30\ncell_timeout: .inf", "cell_timeout"),
    "negative": ("study: s\nas_of: 2024-06-30\ncell_timeout: -5", "cell_timeout"),
    "unknown": ("study: s\nas_of: 2024-06-30\nevil: 1", "evil"),
    "date": ("study: s\nas_of: 99999-01-01", "as_of"),
    "twice": ("study: s\nas_of: 2024-06-30\nstudy: t", "study"),
    "deep": ("study: s\nas_of: 2024-06-30\nprivacy: " + "{a: " * 3000 + "1" + "}" * 3000, ""),
}


@pytest.mark.parametrize("how", STUDIES)
def test_a_forged_study_is_refused_with_a_sentence(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text, said = STUDIES[how]
    path = tmp_path / "study.yaml"
    path.write_bytes(pickle.dumps(Trap(tmp_path / "SPRUNG")) if how == "pickle" else text.encode())
    with pytest.raises(ParamsError) as caught:
        read_study(path)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 5_000
    assert list(tmp_path.iterdir()) == [path]


def test_aliases_that_multiply_are_no_bomb(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    path = tmp_path / "study.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        read_study(path)
    assert len(str(caught.value)) < 20_000


RUN = {
    "schema": 1,
    "run": "r1",
    "study": "s",
    "status": "done",
    "cell": {},
    "started_at": "2024-01-01T00:00:00+00:00",
}
MANIFESTS: dict[str, str] = {
    "empty": "",
    "half": '{"schema": 1, "reports": [',
    "list": "[]",
    "number": "9",
    "other schema": json.dumps({**RUN, "schema": 99, "reports": []}),
    "no reports": json.dumps(RUN),
    "reports number": json.dumps({**RUN, "reports": 5}),
    "report text": json.dumps({**RUN, "reports": ["x"]}),
    "deep": "[" * 200_000,
    "binary": "\x00\x7f",
}


@pytest.mark.parametrize("how", MANIFESTS)
def test_a_forged_manifest_hides_no_other_run(tmp_path: Path, how: str) -> None:
    home, report = tmp_path / "s", {"name": "a", "status": "done", "fingerprint": "f", "outputs": []}
    good = json.dumps({**RUN, "run": "20240102T000000Z-0c0d00", "reports": [report]})
    for name, text in (("20240103T000000Z-bad000", MANIFESTS[how]), ("20240102T000000Z-0c0d00", good)):
        (home / name).mkdir(parents=True)
        (home / name / "manifest.json").write_text(text, encoding="utf-8")
    found = list(History(home).same({}, "a", "f"))
    assert [earlier.folder.name for earlier in found] == ["20240102T000000Z-0c0d00"]
    write_gallery(tmp_path, "en")
    assert "20240102T000000Z-0c0d00" in (tmp_path / "index.html").read_text(encoding="utf-8")


OUTSIDE = ("../../stolen.html", "/etc/hostname", "..", "a/../../../b", "")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_manifest_cannot_have_files_linked_from_or_to_elsewhere(tmp_path: Path, path: str) -> None:
    earlier, staging = tmp_path / "runs" / "s" / "old", tmp_path / "runs" / "s" / ".run-new"
    for folder in (earlier, staging):
        folder.mkdir(parents=True)
    secret = tmp_path / "runs" / "stolen.html"
    secret.write_text("secret")
    place = earlier / path
    told = digest(place) if place.is_file() else "0" * 64
    report = {"name": "a", "status": "done", "outputs": [{"path": path, "sha256": told, "bytes": 6}]}
    assert not link(Earlier(earlier, report), staging)
    assert list(staging.rglob("*")) == []
    assert sorted(item.name for item in tmp_path.rglob("*.html")) == ["stolen.html"]


def test_a_changed_output_is_not_linked(tmp_path: Path) -> None:
    earlier, staging = tmp_path / "old", tmp_path / ".run-new"
    for folder in (earlier, staging):
        folder.mkdir()
    (earlier / "a.html").write_text("as it was")
    report = {"outputs": manifest.outputs(earlier, [earlier / "a.html"])}
    assert link(Earlier(earlier, report), staging)
    (staging / "a.html").unlink()
    (earlier / "a.html").write_text("as it Was")
    assert not link(Earlier(earlier, report), staging)
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "os", "a\0b", "x" * 5000, "rfm; import os"])
def test_no_name_of_a_plugin_is_a_path_or_code(name: str) -> None:
    from crmlab.registry import classifiers

    with pytest.raises((UnknownPluginError, PluginLoadError)):
        classifiers[name]


def test_every_refusal_is_an_error_of_ours() -> None:
    assert all(issubclass(kind, CrmlabError) for kind in (DataError, ParamsError, UnknownPluginError))
