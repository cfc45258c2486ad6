"""No training instance is ever a held-out one, whatever the settings, seeds and indices."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cogitate.errors import ConfigError
from cogitate.rewards.verification import verify
from cogitate.tasks.config import TaskConfig
from cogitate.tasks.hashing import Draw, is_held_out, permute
from cogitate.tasks.mixture import PROCEDURAL

CONFIG: TypeAdapter[Any] = TypeAdapter(TaskConfig)


@st.composite
def spans(draw: st.DrawFn, low: int, high: int) -> list[int]:
    first = draw(st.integers(low, high))
    return [first, draw(st.integers(first, high))]


TABLES = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("arithmetic"),
            "operations": st.lists(st.sampled_from("+-*/"), min_size=1, unique=True),
            "digits": spans(1, 3),
            "terms": spans(2, 4),
            "allow_negative": st.booleans(),
        }
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("chain_sum"),
            "terms": spans(2, 6),
            "digits": spans(1, 2),
            "modulus": st.one_of(st.none(), st.integers(2, 20)),
        }
    ),
    st.fixed_dictionaries(
        {"kind": st.just("countdown"), "num_values": spans(2, 4), "use_all": st.booleans()}
    ),
    st.fixed_dictionaries({"kind": st.just("extremes"), "num_values": spans(2, 6)}),
    st.fixed_dictionaries({"kind": st.just("selection"), "num_values": spans(2, 6)}),
    st.fixed_dictionaries({"kind": st.just("comparison"), "decimals": spans(0, 2)}),
    st.fixed_dictionaries(
        {
            "kind": st.just("word_problems"),
            "steps": spans(1, 2),
            "operations": st.lists(st.sampled_from("+-*"), min_size=1, unique=True),
        }
    ),
)
SEEDS = st.integers(0, 2**40)


def instances(table: dict[str, Any], split: str, seed: int, run_seed: int) -> dict[str, Any]:
    """Problems by what makes them the same instance: kind, numbers in any order, target."""
    task = PROCEDURAL[table["kind"]](CONFIG.validate_python({**table, "seed": seed}),
                                     run_seed=run_seed)  # fmt: skip
    found = {}
    for index in range(12):
        try:
            problem = task.problem(split, index)
        except ConfigError:
            return {}
        metadata = problem.metadata
        key = (
            sorted(map(str, metadata["operands"])),
            sorted(metadata.get("operators", [])),
            metadata.get("target"),
        )
        found[str(key)] = problem
    return found


@given(table=TABLES, seeds=st.tuples(SEEDS, SEEDS, SEEDS, SEEDS))
def test_train_and_held_out_never_meet(table: dict[str, Any], seeds: tuple[int, int, int, int]):
    trained = instances(table, "train", seeds[0], seeds[1])
    held_out = instances(table, "heldout", seeds[2], seeds[3])
    both = set(trained) & set(held_out)
    if table["kind"] in ("arithmetic", "word_problems"):
        # There the order of operands matters with - and /: compare what is the same in any order.
        both = {key for key in both if "-" not in key and "/" not in key and "*" not in key}
    assert not both


@given(table=TABLES, seed=SEEDS)
def test_every_problem_verifies_its_own_solution(table: dict[str, Any], seed: int):
    task = PROCEDURAL[table["kind"]](CONFIG.validate_python({**table, "seed": seed}))
    try:
        problem = task.problem("train", seed)
    except ConfigError:
        return
    assert verify(task, problem, task.solution(problem)[1]).score == 1.0


@given(table=TABLES, seed=SEEDS, run_seed=SEEDS)
def test_the_drawn_key_decides_the_split(table: dict[str, Any], seed: int, run_seed: int):
    task = PROCEDURAL[table["kind"]](CONFIG.validate_python({**table, "seed": seed}))
    instance = task.draw_instance(Draw("any", run_seed))
    if instance is not None:
        again = task.draw_instance(Draw("any", run_seed))
        assert again is not None
        assert again == instance
        assert is_held_out(instance.key) == is_held_out(again.key)


@given(size=st.integers(1, 300), key=st.integers(0, 2**64 - 1))
def test_a_permutation_hits_every_place_once(size: int, key: int):
    assert sorted(permute(i, size, key) for i in range(size)) == list(range(size))


@given(size=st.integers(2, 2**40), key=SEEDS, data=st.data())
def test_a_large_permutation_stays_inside_and_keeps_places_apart(
    size: int, key: int, data: st.DataObject
):
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=8, unique=True))
    images = [permute(place, size, key) for place in places]
    assert len(set(images)) == len(places)
    assert all(0 <= image < size for image in images)
