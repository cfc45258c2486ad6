import pytest

from cogitate.checks import Check, all_ok, check_lines
from cogitate.errors import MissingExtra
from cogitate.extras import EXTRAS, Extra, is_installed, missing_modules, require


def test_only_failures_count() -> None:
    ok = Check(name="a", status="ok", seen="fine")
    warn = Check(name="b", status="warn", seen="hm", advice="Look.")
    assert all_ok([ok, warn])
    assert not all_ok([ok, Check(name="c", status="fail", seen="no")])
    assert all_ok([])


def test_lines_are_aligned_and_advice_follows() -> None:
    checks = [
        Check(name="python", status="ok", seen="3.11"),
        Check(name="disk", status="warn", seen="1 GB free", advice="Free some."),
    ]
    assert check_lines(checks) == [
        "ok    python  3.11",
        "warn  disk    1 GB free",
        "      -> Free some.",
    ]
    assert check_lines([]) == []


class TestExtras:
    def test_each_has_a_command_and_says_what_it_enables(self) -> None:
        assert len({extra.name for extra in EXTRAS}) == len(EXTRAS)
        for extra in EXTRAS:
            assert extra.command == f"pip install 'cogitate[{extra.name}]'"
            assert extra.modules
            assert extra.enables

    def test_what_is_installed(self) -> None:
        assert is_installed(["json", "torch"])
        assert not is_installed(["json", "no_such_module_at_all"])
        extra = Extra(name="x", modules=("json", "no_such_module_at_all"), enables="nothing")
        assert missing_modules(extra) == ["no_such_module_at_all"]

    def test_require_gives_the_module(self) -> None:
        assert require("json", purpose="reading").loads("1") == 1

    def test_require_names_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "wandb", None)
        with pytest.raises(MissingExtra, match=r'wandb".*pip install \'cogitate\[wandb\]\''):
            require("wandb", purpose="logging to wandb")
        with pytest.raises(MissingExtra, match="pip install no_such_module_at_all"):
            require("no_such_module_at_all.inner", purpose="this")
