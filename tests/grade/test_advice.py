"""What a student is told where no misconception has a name: a direction, and the smallest input to try."""

import numpy as np
import pytest

from mamlkit.grade import advice
from mamlkit.grade.judge import Key, Trial, answers, judge

from .conftest import parts


def told(function, reveal=True):
    """Return the advice on an answer where A @ x, n steps long, is right."""
    trials, rng = [], np.random.default_rng(3)
    for size, steps in ((3, 2), (2, 1), (4, 3), (1, 1), (2, 2), (3, 1)):
        A, x = np.round(rng.normal(size=(size, size)), 2), np.round(rng.normal(size=size), 2)
        trials.append(Trial({"A": A, "x": x, "num_steps": steps}, np.linalg.matrix_power(A, steps) @ x))
    key = Key("e00.a", 2, 1e-7, tuple(trials))
    return judge(answers(function, key), key, reveal=reveal).advice, key


def power(A, x, num_steps):
    return np.linalg.matrix_power(A, num_steps) @ x


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (lambda A, x, num_steps: power(A, x, 1), "right where num_steps is 1, and wrong everywhere else"),
        (lambda A, x, num_steps: power(A, x, num_steps) / len(x), "a factor is wrong or missing that depends on the"),
        (lambda A, x, num_steps: -num_steps * power(A, x, num_steps), "points the opposite way"),
        (lambda A, x, num_steps: 3 * power(A, x, num_steps), "3 times the right one on every input"),
        (lambda A, x, num_steps: power(A, x, num_steps) + 1, "wrong on all 6 inputs"),
        (lambda A, x, num_steps: power(A, x, num_steps) if len(x) < 4 else x, "wrong where A.shape[0] is 4"),
        (lambda A, x, num_steps: power(A.astype("f4"), x.astype("f4"), num_steps), "double precision"),
        (lambda A, x, num_steps: [power(A, x, num_steps), 1], "has 2 entries|shape|differs|Yours"),
    ],
)
def test_an_answer_without_a_name_gets_a_direction(function, sentence):
    text, _ = told(function)
    assert any(one in text for one in sentence.split("|")), text


def test_the_input_can_be_pasted_and_run_and_is_the_smallest_that_fails():
    def wrong(A, x, num_steps):
        return power(A, x, num_steps) if num_steps == 1 else x

    text, _ = told(wrong)
    namespace = {"np": np}
    exec(text.partition("Try it with this input:\n")[2], namespace)
    given = {name: namespace[name] for name in ("A", "x", "num_steps")}
    assert given["x"].shape == (2,)  # of 3, 4 and 2, all with more than one step
    assert not np.allclose(wrong(**given), power(**given))


@pytest.mark.parametrize("name", ["e01", "e02", "e03"])
def test_every_input_of_the_book_can_be_pasted_and_run(name):
    torch = pytest.importorskip("torch")
    for part in parts(name).values():
        for trial in part.key(seed=4).trials:
            namespace = {"np": np, "torch": torch}
            exec(advice.shown_input(trial.inputs).partition("\n")[2], namespace)
            for argument, value in trial.inputs.items():
                assert advice.as_code(namespace[argument]) == advice.as_code(value)


def test_yours_and_right_never_look_the_same():
    text, _ = told(lambda A, x, num_steps: power(A, x, num_steps) * (1 + 3e-7) + 0 * x)
    yours, right = text.partition("Yours: ")[2].partition("\nTry")[0].split("; right: ")
    assert yours != right.rstrip(".")


def test_without_reveal_there_are_two_digits_and_no_more():
    text, key = told(lambda A, x, num_steps: power(A, x, num_steps) + 1, reveal=False)
    assert "the right one begins" in text
    assert not any(f"{number:.5g}" in text.partition("Try")[0] for t in key.trials for number in t.expected)


def test_indices_are_told_by_their_place_alone():
    key = Key("e00.a", 2, 1e-7, tuple(Trial({"n": n}, [n, 11]) for n in (5, 6)))
    text = judge(answers(lambda n: (n, 7), key), key, reveal=False).advice
    assert "wrong at [1]" in text
    assert "11" not in text


@pytest.mark.parametrize(
    "value",
    [np.zeros((0, 2)), np.float32(1.5), np.array([1, 2], dtype="i4"), [np.ones(2), {"a": 1.0}], True, None, "x", 1e-30],
)
def test_code_makes_the_value_again(value):
    again = eval(advice.as_code(value), {"np": np})
    assert advice.as_code(again) == advice.as_code(value)


def test_an_input_that_is_too_large_is_not_shown():
    assert "x is too large to show" in advice.shown_input({"x": np.ones(10_000), "n": 1})
