"""Runs on data elsewhere, and runs copied elsewhere: whole or unseen, with a gallery over all of them."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as v4
import pytest
import yaml
from click.testing import CliRunner

from crmlab.cli import main
from crmlab.report import remote
from crmlab.report.execute import Engine
from crmlab.report.run import preview, run, run_all
from crmlab.storage.settings import StorageParams

from . import gcs_server
from .conftest import KEY, PASSWORD, SECRET, USER, S3Server, WebdavServer

ORDERS = "order_id,customer_id,order_date,amount\no1,c1,2024-01-05,10\no2,c2,2024-03-01,20\n"
CELLS = ("import crmlab; lab = crmlab.open(data=data, as_of=as_of)", "lab.tables['orders']", "lab.save()")


def write_study(folder: Path, path: str, **settings: Any) -> Path:
    """Write a study whose orders lie at ``path``, and its one notebook; orders lie beside it, too."""
    parameters = 'as_of = "2024-06-30"\ndata = []'
    book = v4.new_notebook(
        cells=[
            v4.new_code_cell(parameters, id="p", metadata={"tags": ["parameters"]}),
            *(v4.new_code_cell(cell, id=f"c{place}") for place, cell in enumerate(CELLS)),
        ]
    )
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(book, folder / "notebooks" / "sales.ipynb")
    study = {
        "study": "shop",
        "data": [{"source": "files", "files": {"orders": {"path": path}}}],
        "as_of": "2024-06-30",
        "language": "en",
        "reports": {"sales": None},
        **settings,
    }
    target = folder / "study.yaml"
    target.write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    (folder / "orders.csv").write_text(ORDERS, encoding="utf-8")
    return target


@pytest.fixture
def study_on(tmp_path: Path) -> Callable[..., Path]:
    """Write a study whose orders lie at an address."""
    return partial(write_study, tmp_path / "study")


@pytest.fixture(scope="module")
def _made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    return run(write_study(folder, "orders.csv"), runs=folder / "runs", progress=False).folder


@pytest.fixture
def made(_made_once: Path, tmp_path: Path) -> Path:
    """The folder of a run that is published nowhere."""
    shutil.copytree(_made_once.parents[1], tmp_path / "runs")
    return tmp_path / "runs" / "shop" / _made_once.name


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fail where it does not come."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def _same(folder: Path, there: dict[str, bytes]) -> bool:
    mine = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return mine == there


def _no_secret(texts: list[bytes]) -> bool:
    return not any(secret.encode() in text for text in texts for secret in (KEY, SECRET, USER, PASSWORD))


def test_from_s3_to_s3(s3: S3Server, study_on: Callable[..., Path], tmp_path: Path) -> None:
    s3.put("in/orders-2024.csv", ORDERS)
    address = "s3://shop/in/orders-*.csv"
    study = study_on(address, storage=s3.options, publish="s3://shop/reports")
    done = run(study, runs=tmp_path / "runs", progress=False)
    assert (done.exit_code, done.warnings) == (0, ())
    prefix = f"reports/shop/{done.folder.name}/"
    assert _same(done.folder, {key.removeprefix(prefix): s3.get(key) for key in s3.names(prefix)})
    record = json.loads(s3.get(f"{prefix}manifest.json"))
    assert record["inputs"][0]["tables"]["orders"]["rows"] == 2
    assert address in json.dumps(record["inputs"])
    page = s3.client.get_object(Bucket="shop", Key="reports/index.html")
    assert page["ContentType"] == "text/html"
    assert done.folder.name in page["Body"].read().decode()
    assert s3.names("reports/index") == ["reports/index.html", "reports/index.zh.html"]
    assert _no_secret([s3.get(key) for key in s3.names("reports/")])
    assert not list((tmp_path / "runs" / ".crmlab" / "publishing").glob("*/*"))

    again = run(study, runs=tmp_path / "runs", progress=False)
    assert list(again.reused) == ["sales"]
    assert again.folder.name in s3.get("reports/index.html").decode()
    s3.put("in/orders-2025.csv", ORDERS.replace("o1", "o3").replace("o2", "o4"))
    (step,) = preview(study, runs=tmp_path / "runs")
    assert (step.reuse, step.why) == (None, "changed: inputs")


@pytest.mark.parametrize("engine", ["plain", "fork"])
def test_no_kernel_leaves_what_it_fetched(
    engine: Engine,
    s3: S3Server,
    study_on: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.put("in/orders.csv", ORDERS)
    study = study_on("s3://shop/in/orders.csv", storage=s3.options)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    done = run(study, runs=tmp_path / "runs", progress=False, engine=engine)
    assert done.exit_code == 0
    wait_for(lambda: not list((tmp_path / "temporary").glob("crmlab-fetched-*")))


def test_from_webdav_to_webdav(webdav: WebdavServer, study_on: Callable[..., Path], tmp_path: Path) -> None:
    (webdav.folder / "资料").mkdir()
    (webdav.folder / "资料" / "订单.csv").write_text(ORDERS, encoding="utf-8")
    target = f"{webdav.address}/报告/shop 1"
    study = study_on(f"{webdav.address}/资料", storage=webdav.options, publish=target)
    done = run(study, runs=tmp_path / "runs", progress=False)
    assert (done.exit_code, done.warnings) == (0, ())
    there = webdav.folder / "报告" / "shop 1"
    files = {
        path.relative_to(there / "shop" / done.folder.name).as_posix(): path.read_bytes()
        for path in (there / "shop" / done.folder.name).rglob("*")
        if path.is_file()
    }
    assert _same(done.folder, files)
    assert done.folder.name in (there / "index.html").read_text(encoding="utf-8")
    assert _no_secret([path.read_bytes() for path in there.rglob("*") if path.is_file()])


def test_from_google_to_google(study_on: Callable[..., Path], tmp_path: Path) -> None:
    with gcs_server.serving() as (url, server):
        server.objects["in/订单 1.csv"] = (ORDERS.encode(), "text/csv")
        options = {"gs": {"endpoint_url": url, "anonymous": True}}
        study = study_on("gs://shop/in/*.csv", storage=options, publish="gs://shop/reports")
        done = run(study, runs=tmp_path / "runs", progress=False)
        assert (done.exit_code, done.warnings) == (0, ())
        prefix = f"reports/shop/{done.folder.name}/"
        copied = {name: content for name, (content, _) in server.objects.items() if name.startswith(prefix)}
        assert _same(done.folder, {name.removeprefix(prefix): copied[name] for name in copied})
        page, kind = server.objects["reports/index.html"]
        assert kind == "text/html"
        assert done.folder.name in page.decode()

        server.refused = True
        storage = StorageParams.model_validate(options)
        (said,) = remote.publish("gs://shop/elsewhere", storage, [done.folder], tmp_path / "runs", "en")
        assert "may not be read or written with these credentials" in said
        assert "canary-token" not in said


def test_half_a_copy_is_not_listed_and_is_made_whole_by_the_next_run(
    made: Path, webdav: WebdavServer
) -> None:
    runs, storage = made.parents[1], StorageParams.model_validate(webdav.options)
    there = webdav.folder / "reports"
    in_the_way = there / "shop" / made.name / "sales.ipynb.part"
    in_the_way.mkdir(parents=True)
    (said,) = remote.publish(f"{webdav.address}/reports", storage, [made], runs, "en")
    assert made.name in said
    assert "The next run tries again" in said
    assert PASSWORD not in said
    assert (there / "shop" / made.name / "sales.html").exists()
    assert not (there / "shop" / made.name / "manifest.json").exists()
    assert not (there / "index.html").exists()

    in_the_way.rmdir()
    (there / "shop" / made.name / "sales.html").write_text("half")
    assert remote.publish(f"{webdav.address}/reports", storage, [], runs, "en") == []
    copied = there / "shop" / made.name
    files = {p.relative_to(copied).as_posix(): p.read_bytes() for p in copied.rglob("*") if p.is_file()}
    assert _same(made, files)
    assert made.name in (there / "index.html").read_text(encoding="utf-8")


def test_several_processes_copy_to_one_place(made: Path, webdav: WebdavServer) -> None:
    runs, storage = made.parents[1], StorageParams.model_validate(webdav.options)
    names = [f"2024010{day}T000000Z-abcdef" for day in range(1, 5)]
    folders = [shutil.copytree(made, made.parent / name) for name in names]
    with ThreadPoolExecutor(4) as pool:
        to = f"{webdav.address}/reports"
        said = [pool.submit(remote.publish, to, storage, [each], runs, "en") for each in folders]
        assert [one.result() for one in said] == [[], [], [], []]
    page = (webdav.folder / "reports" / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)
    assert not list(webdav.folder.rglob("*.part"))


def test_a_disk_without_room_for_a_note_is_told(made: Path, s3: S3Server) -> None:
    runs, storage = made.parents[1], StorageParams.model_validate(s3.options)
    (runs / ".crmlab" / "publishing").mkdir(parents=True)
    (runs / ".crmlab" / "publishing" / "shop").touch()  # in the way
    (said,) = remote.publish("s3://shop/r", storage, [made], runs, "en")
    assert said.startswith(f"Not published: {made.name}. ")


def test_the_gallery_lists_old_runs_from_elsewhere_and_no_halves(made: Path, s3: S3Server) -> None:
    runs, storage = made.parents[1], StorageParams.model_validate(s3.options)
    record = json.loads((made / "manifest.json").read_text(encoding="utf-8"))
    s3.put("r/other/20230101T000000Z-abcdef/manifest.json", json.dumps({**record, "study": "other"}))
    s3.put("r/other/20230101T000000Z-abcdef/sales.html", "<p>old</p>")
    s3.put("r/other/20230202T000000Z-abcdef/sales.html", "<p>half</p>")
    s3.put("r/other/20230303T000000Z-abcdef/manifest.json", "{")
    s3.put("r/../../escape/manifest.json", "{}")
    s3.put("r/other/20230101T000000Z-abcdef", "a file with the name of a folder")
    assert remote.publish("s3://shop/r", storage, [made], runs, "en") == []
    page = s3.get("r/index.html").decode()
    assert made.name in page
    assert 'href="other/20230101T000000Z-abcdef/sales.html"' in page
    assert "20230202T000000Z-abcdef" not in page
    assert "20230303T000000Z-abcdef" in page  # listed as one that cannot be read
    assert "escape" not in page


def test_another_run_of_the_same_name_is_left_alone(made: Path, s3: S3Server) -> None:
    s3.put(f"r/shop/{made.name}/manifest.json", "{}")
    storage = StorageParams.model_validate(s3.options)
    (said,) = remote.publish("s3://shop/r", storage, [made], made.parents[1], "en")
    assert "Another run of that name" in said
    assert s3.get(f"r/shop/{made.name}/manifest.json") == b"{}"


def test_a_run_that_was_removed_meanwhile_is_forgotten(made: Path, s3: S3Server) -> None:
    storage, runs = StorageParams.model_validate(s3.options), made.parents[1]
    (said,) = remote.publish("s3://elsewhere/r", storage, [made], runs, "en")
    assert "no such bucket" in said
    shutil.rmtree(made)
    s3.client.create_bucket(Bucket="elsewhere")
    assert remote.publish("s3://elsewhere/r", storage, [], runs, "en") == []
    found = s3.client.list_objects_v2(Bucket="elsewhere")["Contents"]
    assert [item["Key"] for item in found] == ["r/index.html", "r/index.zh.html"]


def test_what_cannot_be_published_ends_with_exit_code_1(
    s3: S3Server, study_on: Callable[..., Path], tmp_path: Path
) -> None:
    study = study_on("orders.csv", storage=s3.options, publish="s3://elsewhere-too/reports")
    batch = run_all(study, runs=tmp_path / "runs", progress=False)
    assert batch.exit_code == 1
    assert [run.exit_code for run in batch.runs] == [0]
    assert "no such bucket" in batch.unpublished[0]
    runs = tmp_path / "runs"
    options = ["run", str(study), "--runs", str(runs), "--quiet", "--publish", "s3://shop/reports"]
    result = CliRunner().invoke(main, options)
    assert result.exit_code == 0, result.output
    assert "reports/index.html" in s3.names("reports/index")


def test_a_folder_of_runs_is_no_address(study_on: Callable[..., Path]) -> None:
    result = CliRunner().invoke(main, ["run", str(study_on("orders.csv")), "--runs", "s3://shop/reports"])
    assert result.exit_code == 2
    assert "--publish" in result.output
