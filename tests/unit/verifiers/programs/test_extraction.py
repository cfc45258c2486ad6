"""Which program an answer holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.verifiers.programs.extraction import Block, Extracted, blocks, extract, final_part

PYTHON = ("python",)


def program(text: str, **options: object) -> str | None:
    found = extract(text, languages=PYTHON, **options)  # type: ignore[arg-type]
    return None if found is None else found.text


def test_the_last_block_of_the_language_counts() -> None:
    text = "```python\nx = 1\n```\nbetter:\n```py\nx = 2\n```\n```text\nx = 3\n```"
    assert program(text) == "x = 2\n"


def test_untagged_blocks_count_only_where_none_is_tagged() -> None:
    assert program("```\na\n```\n```\nb\n```") == "b\n"
    assert program("```python\na\n```\n```\noutput\n```") == "a\n"


@pytest.mark.parametrize("tag", ["python", "Python", "PYTHON3", "py", "python title=x.py"])
def test_tags(tag: str) -> None:
    assert program(f"```{tag}\nx\n```") == "x\n"


def test_a_block_of_another_language_is_no_program() -> None:
    assert program("```cpp\nint main(){}\n```") is None
    both = "```cpp\nint main(){}\n```\n```python\nx\n```"
    assert extract(both, languages=("python", "cpp")) == Extracted("x\n", "python")
    assert extract(both, languages=("cpp",)) == Extracted("int main(){}\n", "cpp")


def test_a_function_task_prefers_the_block_that_defines_the_function() -> None:
    text = "```python\ndef add(a, b):\n    return a + b\n```\nUse it:\n```python\nprint(add(1, 2))\n```"
    assert program(text) == "print(add(1, 2))\n"
    assert program(text, defines="add") == "def add(a, b):\n    return a + b\n"
    assert program(text, defines="sub") == "print(add(1, 2))\n"


def test_of_several_definitions_the_last_counts() -> None:
    text = "```python\ndef f(): return 1\n```\n```python\nclass f: pass\n```\n```python\nf()\n```"
    assert program(text, defines="f") == "class f: pass\n"
    assert program("```python\ndef ff(): pass\n```\n```python\nx\n```", defines="f") == "x\n"


def test_without_a_fence_there_is_no_program_unless_declared() -> None:
    assert program("print(4)") is None
    assert program("print(4)", bare=True) == "print(4)"
    assert program("  \n", bare=True) is None
    assert program("so:\n```python\nx\n```", bare=True) == "x\n"


def test_indentation_is_kept() -> None:
    assert program("    return 1\n", bare=True) == "    return 1\n"
    assert program("```python\n    return 1\n```") == "    return 1\n"


def test_the_fence_of_a_list_item_does_not_indent_the_program() -> None:
    assert program("1. so\n   ```python\n   if x:\n       y\n   ```") == "if x:\n    y\n"


def test_a_fence_that_nothing_closes_runs_to_the_end() -> None:
    assert program("```python\nx = 1\ny = 2") == "x = 1\ny = 2"


def test_longer_fences_hold_shorter_ones() -> None:
    assert program('````python\ns = """\n```\n"""\n````') == 's = """\n```\n"""\n'
    assert blocks("~~~py\n```\n~~~\n") == [Block("py", "```\n")]


def test_an_inline_fence_opens_nothing() -> None:
    assert blocks("```print(4)```\n") == []


@pytest.mark.parametrize("text", ["```python\n```", "```python\n  \n```", "```", "", "\n```\n"])
def test_empty_blocks_are_no_program(text: str) -> None:
    assert program(text) is None


def test_only_what_follows_the_thinking_counts() -> None:
    assert final_part("<think>\n```python\nx\n```\n</think>\nno") == "\nno"
    assert final_part("<think>\n```python\nx\n```") is None
    assert final_part("a</think>b</think>c") == "c"
    assert final_part("x<|im_end|>\n```python\ny\n```") == "x"


@given(st.text(alphabet="`~\n py'\"x", max_size=200))
def test_no_text_raises(text: str) -> None:
    for block in blocks(text):
        assert isinstance(block.text, str)
    found = extract(text, languages=PYTHON, defines="x", bare=True)
    assert found is None or found.text.strip()


def test_hostile_texts_take_linear_time() -> None:
    for piece in ("```python\n", " " * 50 + "\n", "`" * 3 + "\n", "def f" * 10, "```x`"):
        text = piece * (100_000 // len(piece))
        extract(text, languages=PYTHON, defines="f", bare=True)
