import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogitate.text.think import split_think
from cogitate.verifiers.completions import final_part, in_lower_case, nearly_marked


@pytest.mark.parametrize(
    ("completion", "prefilled", "final"),
    [
        ("no tags", False, "no tags"),
        ("<think>a</think>b", False, "b"),
        ("a</think>b", True, "b"),
        ("a</think>b", False, "b"),
        ("a", True, None),
        ("<think>a", False, None),
        ("<think>a</thіnk>b", False, None),
        ("<think>a</THINK>b", False, None),
        ("<think>a</think>b<think>c", False, None),
        ("<think>a</think>b<|im_end|></think>c", False, "b"),
        ("<think>a<|im_end|></think>b", False, None),
        ("<THINK>a</THINK>b", False, "b"),
        ("<Think>a</Think>b", False, "b"),
        ("<Think>a</THINK>b", False, "<Think>a</THINK>b"),
        ("<|user|>a", False, ""),
    ],
)
def test_final_part(completion: str, prefilled: bool, final: str | None) -> None:
    assert final_part(completion, prefilled=prefilled) == final


@pytest.mark.parametrize(
    "text",
    [
        "</THINK>a",
        "<THINK>a",
        "<think>a</think>",
        "<Think>a</THINK>b",
        "plain",
        "<Think></Think><think>",
    ],
)
def test_what_stays_as_it_is(text: str) -> None:
    assert in_lower_case(text) == text


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("\\boxed{1}", None),
        ("\\boxed {1} and \\boxed\n{2}", None),
        ("\\Boxed{1}", "\\boxed"),
        ("\\b oxed{1} \\boxed{2}", "\\boxed"),
        ("\\box\u200bed{1}", "\\boxed"),
        ("\\fbox{1}", None),
        ("\\f box{1}", "\\fbox"),
        ("\uff3cboxed{1}", "\\boxed"),
        ("<thi nk>a", "<think>"),
        ("<Think>a", "<think>"),
        ("\uff1cthink\uff1ea", "<think>"),
        ("<ans\u2060wer>1</answer>", "<answer>"),
        ("<answer>1</ answer>", "</answer>"),
        ("<answer>1</answer>", None),
        ("x < think > y", "<think>"),
        ("<thi~nk>a", "<think>"),
        ("\\boxed\\,{1} \\boxed{2}", "\\boxed{"),
        ("1<|im_ end|>2", "<|im_end|>"),
        ("1<|IM_END|>2", "<|im_end|>"),
        ("1< /s>2", "</s>"),
        ("a[0] and [1, 2]", None),
        ("the boxed answer, I think", None),
        ("", None),
        ("a < b \\le c", None),
    ],
)
def test_spoilt_marks(text: str, mark: str | None) -> None:
    assert nearly_marked(text) == mark


@given(st.text(alphabet="<>/thinkanswer \\boxed{}THINK\u200b\n", max_size=60))
def test_lower_case_never_frees_an_answer_from_its_thinking(text: str) -> None:
    """Reading <Think> as <think> can only take something away from the final part."""
    before, after = split_think(text)[1], final_part(text)
    assert before is None or after is None or before.lower().endswith(after.lower())


@given(st.text(alphabet="ab{}\\1 ", max_size=40))
def test_plain_text_holds_no_marks(text: str) -> None:
    assert nearly_marked(text) is None
