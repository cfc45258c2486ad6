from cogitate.display.state import MAX_ADVICE, RunState, phase_split, pick_sample
from imaginary_runs import evaluation, report, row


def test_a_step_is_reduced_to_what_is_shown() -> None:
    state = RunState(total_steps=40)
    state.record_step(report(1, reward=0.25), [row()], 100.0)
    state.record_step(report(2, reward=0.75), [row(task="arithmetic")], 90.0)
    assert (state.step, state.eta_seconds) == (2, 90.0)
    assert state.reward_history == [0.25, 0.75]
    assert state.length_history == [6.4, 6.4]
    assert state.sample is not None
    assert state.sample["task"] == "arithmetic"
    assert state.task_accuracies() == {"extremes": 0.61, "arithmetic": 0.34}


def test_supervised_steps_show_their_loss() -> None:
    state = RunState()
    step = report(1)
    metrics = {"policy/loss": 2.5, "tokens/trained": 900.0}
    state.record_step(
        type(step)(step=1, policy_version=1, metrics=metrics, seconds={"update": 3.0}), [], None
    )
    assert state.reward_history == [2.5]
    assert state.tokens_per_second == 300.0
    assert state.sample is None


def test_tokens_per_second_are_those_of_the_rollout_phase() -> None:
    state = RunState()
    assert state.tokens_per_second is None
    state.record_step(report(1), [], None)
    assert state.tokens_per_second == 1200.0 / 2.0


def test_evaluations_are_kept_by_task_and_mode() -> None:
    state = RunState()
    state.record_eval(evaluation(0, 0.2))
    state.record_eval(evaluation(10, 0.4))
    state.record_eval(evaluation(10, 0.5))  # the same step again, as after a resume
    history = state.evals["extremes", "greedy"]
    assert [(step, value) for step, value, _ in history] == [(0, 0.2), (10, 0.5)]
    assert len(state.evals) == 4


def test_steps_to_the_next_evaluation() -> None:
    state = RunState(total_steps=25, eval_every=10)
    due = {}
    for step in (0, 9, 10, 19, 20, 24, 25):
        state.step = step
        due[step] = state.steps_to_eval
    assert due == {0: 10, 9: 1, 10: 10, 19: 1, 20: 5, 24: 1, 25: None}
    state.step, state.eval_every = 20, 0
    assert state.steps_to_eval == 5  # only at the end
    assert RunState().steps_to_eval is None


def test_advice_keeps_the_newest_different_sentences() -> None:
    state = RunState()
    for text in ("a", "b", "a", "c", "d"):
        state.record_advice(text)
    assert state.advice == ["a", "c", "d"]
    assert len(state.advice) == MAX_ADVICE


def test_right_and_wrong_rollouts_are_shown_in_turn() -> None:
    rows = [row(reward=1.0), row(reward=0.0), row(reward=None, error="verifier died")]
    assert pick_sample(rows, 2)["reward"] == 1.0
    assert pick_sample(rows, 1)["reward"] in (0.0, None)
    assert pick_sample(rows[:1], 1)["reward"] == 1.0  # there is no wrong one


def test_phase_split_leaves_the_total_out() -> None:
    assert phase_split({"rollout": 2.0, "sync": 0.0, "total": 5.0}) == {"rollout": 2.0}
