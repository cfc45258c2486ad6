"""The report as a file: self-contained, safe, bounded, and there for every kind of run."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cogitate.errors import DataError
from cogitate.report import write_report
from cogitate.report.document import asset, render_report
from cogitate.report.load import load_run
from cogitate.report.samples import Limits
from synthetic_run import make_run

VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """The elements of a page, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.data: dict[str, str] = {}
        self.text = ""
        self._open: list[str] = []
        self._script = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        names = dict(attrs)
        if names.get("id"):
            self.ids.append(names["id"] or "")
        if tag not in VOID:
            self._open.append(tag)
        self._script = f"{tag}#{names.get('id')}" if tag in ("script", "style") else ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        self._script = ""

    def handle_data(self, data: str) -> None:
        if self._script:
            self.data[self._script] = self.data.get(self._script, "") + data
        else:
            self.text += data


@pytest.fixture(scope="module")
def html(run_dir: Path) -> str:
    return render_report(load_run(run_dir))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_nests_and_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    for name in ("result", "pairs", "curves", "rollouts", "behaviour", "cost", "caveats"):
        assert name in page.ids


def test_every_link_has_a_target(page: Page) -> None:
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links
    assert all(link.removeprefix("#") in page.ids for link in links)


def test_it_loads_nothing(page: Page) -> None:
    loading = {"src", "srcset", "data", "poster", "action", "formaction", "background", "cite"}
    assert [a for a in page.attributes if a[1] in loading] == []
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    css, script = asset("page.css"), asset("page.js")
    assert "url(" not in css
    assert "@import" not in css
    used = set(re.findall(r"https?://[^\"'\s]+", css + script))
    assert used == {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\b", script)


def test_the_policy_allows_exactly_our_style_and_script(page: Page) -> None:
    (policy,) = [v for t, n, v in page.attributes if t == "meta" and n == "content" and "src" in v]

    def digest(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest(page.data['style#None'])}'; "
        f"script-src 'sha256-{digest(page.data['script#None'])}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.tags.count("script") == 2  # ours and the data
    assert page.tags.count("style") == 1


def test_no_markup_that_the_policy_would_block(page: Page) -> None:
    assert [a for a in page.attributes if a[1] == "style" or a[1].startswith("on")] == []


def test_hostile_completions_are_shown_and_do_nothing(html: str, page: Page) -> None:
    rollouts = (page.data["script#rollouts-data"], page.text)
    assert "owned" in "".join(rollouts)
    assert "<script>alert" not in html
    assert "<img" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "\x00" not in html


def test_the_script_never_writes_markup() -> None:
    script = asset("page.js")
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in script


def test_the_script_is_valid(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    path = tmp_path / "page.js"
    path.write_text(asset("page.js"), encoding="utf-8")
    done = subprocess.run([node, "--check", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_style_knows_every_tone_that_is_used(html: str) -> None:
    used = set(re.findall(r"\btone-[\w-]+", html))
    assert used <= set(re.findall(r"\.(tone-[\w-]+)", asset("page.css")))


def test_the_browser_has_the_data_it_asks_for(page: Page) -> None:
    data = json.loads(page.data["script#rollouts-data"])
    assert len(data["heldout"]) == 24
    assert len(data["train"]) == 24
    parts = [value for _, name, value in page.attributes if name == "data-part"]
    wanted = re.search(r'\["source", [^\]]+\]', asset("page.js"))
    assert wanted is not None
    assert sorted(parts) == sorted(json.loads(wanted.group()))


def test_charts_carry_readable_numbers(page: Page) -> None:
    charts = [json.loads(value) for _, name, value in page.attributes if name == "data-chart"]
    assert len(charts) > 12
    for chart in charts:
        left, right, top, bottom = chart["box"]
        for line in chart["lines"]:
            assert all(top <= point[1] <= bottom for point in line["points"])
        assert left < right


def test_what_a_newcomer_reads_first(page: Page) -> None:
    assert "Held-out accuracy rose from" in page.text
    assert "problems that training never used: 12 of each task" in page.text
    assert "the model's single most likely answer" in page.text
    assert "not the pre-trained base" in page.text


def test_settings_are_shown_without_the_host(page: Page) -> None:
    assert "clip_high = 0.28" in page.text
    assert "Example CPU" in page.text
    assert "secret-host" not in page.text


def test_the_same_run_gives_the_same_bytes(run_dir: Path, html: str) -> None:
    assert render_report(load_run(run_dir)) == html


def test_the_size_is_bounded(run_dir: Path) -> None:
    small = render_report(load_run(run_dir), Limits(characters=2_000, heldout_problems=2))
    assert len(small) < 200_000
    assert "left out to keep this file small" in small


def test_it_is_written_where_asked(tmp_path: Path, run_dir: Path) -> None:
    target = tmp_path / "deep" / "r.html"
    assert write_report(run_dir, target) == target
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert list(target.parent.iterdir()) == [target]


def test_it_lands_in_the_run_directory_by_default(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a run", steps=1, planned=2, problems=2)
    assert write_report(str(run)) == run / "report.html"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ({"steps": 3, "planned": 9}, "stands at step 3 of 9"),
        ({"steps": 0, "planned": 9}, "Before training:"),
        ({"steps": 4, "planned": 4, "evals": False}, "No held-out evaluation yet"),
        ({"steps": 5, "planned": 5, "algorithm": "sft"}, "supervised fine-tuning"),
        ({"steps": 5, "planned": 5, "rollouts": False}, "Held-out accuracy"),
        ({"steps": 5, "planned": 5, "strength": 0.0}, "did not change measurably"),
    ],
)
def test_every_kind_of_run(tmp_path: Path, kind: dict[str, object], sentence: str) -> None:
    run = make_run(tmp_path / "run", problems=3, **kind)  # type: ignore[arg-type]
    found = Page(write_report(run).read_text(encoding="utf-8"))
    assert sentence in found.text


def test_a_directory_with_nothing_but_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('name = "<b>x</b>"\n[[tasks]]\nkind = "<i>"\n')
    found = Page(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "No held-out evaluation yet" in found.text
    assert "<b>x</b>" in found.text  # as text
    assert not {"b", "i"} & set(found.tags) - {"i"}


def test_torn_files_are_survived_and_named(tmp_path: Path) -> None:
    run = make_run(tmp_path / "torn", steps=5, planned=5, problems=3)
    names = ["metrics.jsonl", "evals.jsonl", "timing.jsonl", "rollouts/000005.jsonl"]
    for name in [*names, "rollouts/eval-000005.jsonl"]:
        path = run / name
        path.write_bytes(path.read_bytes()[:-9])
    text = Page(write_report(run).read_text(encoding="utf-8")).text
    assert text.count("the last line is incomplete") == 5
    assert "Files that needed care" in text


def test_files_of_rubbish_are_survived(tmp_path: Path) -> None:
    (tmp_path / "rollouts").mkdir()
    rubbish = b'\x00\xff{"step": {}}\n{"step": 1}\n[]\n{"step": 1, "seconds": [], "x": "y"}\n'
    for name in ("metrics", "timing", "evals", "rollouts/000001", "rollouts/eval-000000"):
        (tmp_path / f"{name}.jsonl").write_bytes(rubbish)
    (tmp_path / "rollouts" / "notes.jsonl").write_bytes(rubbish)
    (tmp_path / "config.toml").write_bytes(b"\xff = 1")
    (tmp_path / "environment.json").write_bytes(b"[1]")
    assert "unreadable line" in Page(write_report(tmp_path).read_text(encoding="utf-8")).text


def test_settings_of_the_wrong_type_are_survived(tmp_path: Path) -> None:
    for text in ("model = 3\nreward = 1\ntasks = 2\ngrpo = 1\nname = 5\n", 'tasks = ["a"]\n'):
        (tmp_path / "config.toml").write_text(text)
        assert write_report(tmp_path).stat().st_size > 10_000


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot report on"):
        write_report(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
