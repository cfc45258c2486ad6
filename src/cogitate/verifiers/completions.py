"""Where in a completion its answer may stand, whatever its kind.

Recognising is asymmetric on purpose. What lets an answer count (the end of the thinking, a box)
must be written exactly; what keeps one from counting (a thinking that begins, a second box) is also
seen where blanks, invisible characters or letter case have spoilt it a little.
"""

import re
import unicodedata

from cogitate.text.think import TURN_ENDS, cut_at_turn_end, split_think


def final_part(completion: str, *, prefilled: bool = False) -> str | None:
    r"""What follows the thinking, up to the end of the turn; None while the thinking is open.

    >>> final_part("<think>a</think>b<|im_end|>c"), final_part("<think>a")
    ('b', None)
    """
    text = in_lower_case(cut_at_turn_end(completion))
    return split_think(text, prefilled=prefilled)[1]


def in_lower_case(text: str) -> str:
    """The text with ``<Think>`` and ``</Think>`` in lower case, if it has both and all its tags of
    thinking are written in that one other way; then they are what they look like.

    >>> in_lower_case("<THINK>a</THINK>b"), in_lower_case("<think>a</THINK>b")
    ('<think>a</think>b', '<think>a</THINK>b')
    """
    found = {match[0] for match in _ANY_THINK.finditer(text)}
    words = {tag.strip("</>") for tag in found}
    if len(words) != 1 or len(found) != 2 or words == {"think"}:
        return text
    return _ANY_THINK.sub(lambda match: match[0].lower(), text)


_ANY_THINK = re.compile(r"</?think>", re.IGNORECASE)


def nearly_marked(text: str) -> str | None:
    r"""A mark of thinking, answer or turn that blanks, invisible characters or case have spoilt.

    Whoever reads leniently sees another thinking or another answer there than whoever reads
    strictly, so such a text has no single answer.

    >>> nearly_marked(r"\box ed{41} or \boxed{42}"), nearly_marked("<answer>42</answer>")
    ('\\boxed', None)
    """
    if not _SUSPECT.search(text):
        return None
    packed = "".join(text.split())
    bare = packed
    if not bare.isascii():
        bare = "".join(c for c in bare if unicodedata.category(c) != "Cf").translate(_BRACKETS)
    bare = _TEX_BLANKS.sub("", bare).casefold()
    for mark, spoilt in _MARKS.items():
        # A box may begin on another line than its command; all other marks are one piece.
        if bare.count(spoilt) > (packed if mark.endswith("{") else text).count(mark):
            return mark
    return None


_MARKS = {
    mark: "".join(mark.split()).casefold()
    for mark in (
        "<think>", "<answer>", "</answer>", "\\boxed", "\\boxed{", "\\fbox", "\\fbox{", *TURN_ENDS,
    )
}  # fmt: skip
_BRACKETS = {0xFF1C: "<", 0xFF1E: ">", 0xFF0F: "/", 0xFF3C: "\\"}
_TEX_BLANKS = re.compile(r"\\[,;:!]|~")
_SUSPECT = re.compile(r"[<\[\\\uff1c\uff3c]")
