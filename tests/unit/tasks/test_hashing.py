"""Hashing: pinned values (a run's data must not change with a release) and uniformity."""

from collections import Counter

import pytest

from cogitate.tasks.hashing import (
    HELD_OUT_FRACTION,
    Draw,
    content_id,
    hash64,
    is_held_out,
    permute,
)


def test_hashes_and_draws_are_pinned():
    # These numbers decide every problem ever drawn: a change here changes everybody's data.
    assert hash64("a", 1) == 17859458376251052682
    assert content_id("cogitate") == "93694ceeb51a5057"
    assert permute(3, 100, key=7) == 92
    draw = Draw("pin")
    # The ninth and tenth come from the second block.
    assert [draw.below(1000) for _ in range(10)] == [
        172, 981, 187, 195, 232, 800, 943, 717, 559, 874,
    ]  # fmt: skip


def test_the_content_id_is_the_hash_in_hexadecimal():
    assert int(content_id("a", 1), 16) == hash64("a", 1)


def test_hash64_tells_types_positions_and_boundaries_apart():
    variants = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("c", "ab"),
        ("ab", "c", ""),
        ("1",),
        (1,),
        (-1,),
    ]
    assert len({hash64(*variant) for variant in variants}) == len(variants)


def test_hash64_takes_any_text():
    assert hash64("\ud800") != hash64("\ud801")


def test_the_split_depends_on_the_text_alone_and_holds_out_15_percent():
    assert HELD_OUT_FRACTION == 0.15
    held_out = sum(is_held_out(f"sum:{i}") for i in range(20_000)) / 20_000
    # Binomial standard deviation is 0.0025.
    assert abs(held_out - 0.15) < 0.01


def test_the_split_is_pinned():
    members = [i for i in range(40) if is_held_out(f"sum:{i}")]
    assert members == [1, 4, 5, 15, 24, 27, 32, 33, 34]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 16, 17, 100, 1023, 1024, 1025])
def test_permute_is_a_permutation(size: int):
    assert sorted(permute(i, size, key=3) for i in range(size)) == list(range(size))


def test_permute_depends_on_the_key_and_does_not_keep_the_order():
    orders = {tuple(permute(i, 20, key) for i in range(20)) for key in range(50)}
    assert len(orders) == 50
    assert tuple(range(20)) not in orders


def test_permute_moves_every_element_everywhere():
    # Element 0 of 8 lands in each place about 250 times in 2,000 keys (standard deviation 15).
    places = Counter(permute(0, 8, key) for key in range(2000))
    assert set(places) == set(range(8))
    assert max(abs(count - 250) for count in places.values()) < 75


@pytest.mark.parametrize("position", [-1, 5, 6])
def test_permute_refuses_a_position_outside(position: int):
    with pytest.raises(IndexError, match=r"outside range\(5\)"):
        permute(position, 5, key=0)


def test_a_stream_is_fixed_by_its_key():
    first = [Draw(7, "train").between(1, 100) for _ in range(3)]
    draw = Draw(7, "train")
    stream = [draw.between(1, 100) for _ in range(30)]
    assert first == [stream[0]] * 3
    again = Draw(7, "train")
    assert stream == [again.between(1, 100) for _ in range(30)]
    other = Draw(8, "train")
    assert stream != [other.between(1, 100) for _ in range(30)]


def test_draws_are_uniform():
    draw = Draw("uniform")
    counts = Counter(draw.below(10) for _ in range(10_000))
    assert set(counts) == set(range(10))
    assert max(abs(count - 1000) for count in counts.values()) < 150


def test_between_includes_both_ends_and_below_refuses_nothing():
    draw = Draw("ends")
    assert {draw.between(3, 5) for _ in range(200)} == {3, 4, 5}
    assert draw.between(9, 9) == 9
    with pytest.raises(ValueError, match=r"range\(0\)"):
        draw.below(0)


def test_chance_and_choice():
    draw = Draw("chance")
    assert abs(sum(draw.chance(1, 4) for _ in range(4000)) - 1000) < 120
    assert {draw.choice("abc") for _ in range(100)} == {"a", "b", "c"}


def test_shuffled_keeps_the_values_and_the_argument():
    draw, values = Draw("shuffle"), [1, 2, 3, 4, 5]
    results = [draw.shuffled(values) for _ in range(50)]
    assert values == [1, 2, 3, 4, 5]
    assert all(sorted(result) == values for result in results)
    # Each of the 5 values comes first about 10 times.
    assert {result[0] for result in results} == set(values)
