"""The packed layout: every token has one place, prompts are stored once, splits keep all rows."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogitate.models.packing import microbatches, on_device, pack, select_rows
from cogitate.schema import TokenBatch
from cogitate.train.batch import collate


def batch(*rows: tuple[list[int], list[int]]) -> TokenBatch:
    """Rows of (prompt, completion) token ids."""
    ids = [torch.tensor(p + c) for p, c in rows]
    masks = [torch.tensor([False] * len(p) + [True] * len(c)) for p, c in rows]
    return collate(ids, masks, pad_id=99)


def test_a_shared_prompt_is_stored_once() -> None:
    layout = pack(batch(([1, 2, 3], [4, 5]), ([1, 2, 3], [6]), ([7], [8])))
    assert layout.token_ids.tolist() == [1, 2, 3, 7, 4, 5, 6, 8]
    assert layout.positions.tolist() == [0, 1, 2, 0, 3, 4, 3, 1]
    assert layout.prefix_of.tolist() == [0, 0, 1]
    assert layout.place.tolist() == [[0, 1, 2, 4, 5], [0, 1, 2, 6, 0], [3, 7, 0, 0, 0]]


def test_without_sharing_every_row_has_its_own_prompt() -> None:
    layout = pack(batch(([1, 2], [4]), ([1, 2], [6])), share_prefixes=False)
    assert layout.token_ids.tolist() == [1, 2, 1, 2, 4, 6]
    assert layout.prefix_of.tolist() == [0, 1]


def test_a_completion_sees_its_prompt_and_its_own_past_only() -> None:
    layout = pack(batch(([1, 2], [4, 5]), ([7], [8])))
    # columns: two prefix places, two suffix places
    assert layout.suffix_mask[0, 0].tolist() == [[True, True, True, False], [True] * 4]
    assert layout.suffix_mask[1, 0, 0].tolist() == [True, False, True, False]


def test_rows_without_completion_are_all_prefix() -> None:
    layout = pack(batch(([1, 2, 3], []), ([4], [])))
    assert layout.suffix_index.shape == (2, 0)
    assert layout.token_ids.tolist() == [1, 2, 3, 4]


def test_tokens_after_the_first_sampled_one_belong_to_the_row_even_if_not_sampled() -> None:
    """Tool output between two turns is context of this row alone."""
    tokens = batch(([1, 2], [4, 5, 6]), ([1, 2], [4, 9, 6]))
    mask = tokens.completion_mask.clone()
    mask[:, 3] = False
    layout = pack(
        TokenBatch(
            token_ids=tokens.token_ids, attention_mask=tokens.attention_mask, completion_mask=mask
        )
    )
    assert layout.token_ids.tolist() == [1, 2, 4, 5, 6, 4, 9, 6]


ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 3), min_size=1, max_size=4),
        st.lists(st.integers(0, 9), max_size=5),
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS)
def test_place_finds_every_token_and_restore_is_its_inverse(
    rows: list[tuple[list[int], list[int]]],
) -> None:
    layout = pack(batch(*rows))
    for row, (prompt, completion) in enumerate(rows):
        ids = prompt + completion
        assert layout.token_ids[layout.place[row, : len(ids)]].tolist() == ids
        assert layout.positions[layout.place[row, : len(ids)]].tolist() == list(range(len(ids)))
    tables = torch.cat((layout.prefix_index.flatten(), layout.suffix_index.flatten()))
    assert tables[layout.restore].tolist() == list(range(len(layout.token_ids)))


@given(ROWS, st.integers(1, 30))
def test_microbatches_keep_all_rows_in_order_within_the_budget(
    rows: list[tuple[list[int], list[int]]], max_tokens: int
) -> None:
    whole = batch(*rows)
    parts = list(microbatches(whole, max_tokens=max_tokens))
    rebuilt = [
        ids[: int(mask.sum())].tolist()
        for part in parts
        for ids, mask in zip(part.token_ids, part.attention_mask, strict=True)
    ]
    assert rebuilt == [prompt + completion for prompt, completion in rows]
    for part in parts:
        assert len(part.token_ids) == 1 or len(pack(part).token_ids) <= max_tokens
    for part in microbatches(whole, max_tokens=max_tokens, share_prefixes=False):
        alone = len(pack(part, share_prefixes=False).token_ids)
        assert len(part.token_ids) == 1 or alone <= max_tokens


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([([i], [0] * 124) for i in range(73)], 10),
        ([(list(range(i, i + 200)), [0] * 60) for i in range(7) for _ in range(8)], 6),
    ],
)
def test_microbatches_are_few_and_none_is_a_small_leftover(
    rows: list[tuple[list[int], list[int]]], count: int
) -> None:
    parts = list(microbatches(batch(*rows), max_tokens=1000))
    tokens = [len(pack(part).token_ids) for part in parts]
    assert max(tokens) <= 1000
    assert len(parts) == count
    assert min(tokens) >= 0.5 * max(tokens)


def test_select_rows_cuts_to_the_longest_and_moves_between_devices() -> None:
    tokens = batch(([1, 2, 3], [4, 5]), ([7], [8]))
    short = select_rows(tokens, slice(1, 2))
    assert short.token_ids.tolist() == [[7, 8]]
    assert on_device(short, torch.device("cpu")).attention_mask.tolist() == [[True, True]]
