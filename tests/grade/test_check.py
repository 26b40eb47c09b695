"""What a student sees in the notebook, and the comparison behind it."""

import base64
import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamlkit.grade import CheckFailed, check, load_key, wire
from mamlkit.grade.judge import Key, Trial, answers, judge, same

from .conftest import release, right_answers

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(PLAIN)
def test_plain_data_survive_the_wire(value):
    there = json.loads(json.dumps(wire.encode(value)))
    assert repr(wire.decode(there)) == repr(value)


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?", "c16", ">f8"])
def test_arrays_survive_the_wire_bit_for_bit(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    again = wire.decode(json.loads(wire.dumps(wire.encode(array))))
    np.testing.assert_array_equal(again, array)
    assert again.shape == (2, 3)


@given(PLAIN)
def test_decoding_what_somebody_made_up_gives_a_value_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        wire.decode(data)


@pytest.mark.parametrize(
    "data",
    [
        {"array": "AAAA", "dtype": "<f8", "shape": [1]},
        {"array": "", "dtype": "O", "shape": [0]},
        {"array": "", "dtype": "<f8", "shape": [-1, 0]},
        {"array": "", "dtype": "<f8", "shape": [10**9, 10**9]},
        {"array": "!", "dtype": "<f8", "shape": [0]},
        {"float": "a"},
        {"list": [[1]]},
        [1, 2],
        {"__reduce__": "os.system"},
    ],
)
def test_data_that_are_none_are_refused(data):
    with pytest.raises(ValueError, match="not encoded data"):
        wire.decode(data)


def test_what_is_not_data_has_only_its_name_sent():
    assert wire.decode(wire.encode([print, object()])) == [
        wire.Other("builtin_function_or_method"),
        wire.Other("object"),
    ]
    nested = []
    nested.append(nested)
    wire.encode(nested)


@pytest.mark.parametrize(
    ("value", "expected", "equal"),
    [
        (1.0 + 1e-9, 1.0, True),
        (1.0 + 1e-6, 1.0, False),
        (np.float64(2.0), 2.0, True),
        (np.array([2.0]), 2.0, False),
        ([1.0, 2.0], np.array([1.0, 2.0]), True),
        (np.array([[1.0, 2.0]]), np.array([1.0, 2.0]), False),
        (np.nan, 1.0, False),
        (np.inf, np.inf, False),
        (1e-12, 0.0, True),
        (True, 1.0, False),
        (1, True, False),
        ("a", "a", True),
        (None, None, True),
        ([np.zeros(2), 1.0], [np.zeros(2), 1.0], True),
        ([np.zeros(2), 1.0], [np.zeros(2), 1.0, 2.0], False),
        ({"a": 1.0}, {"a": 1.0}, True),
        ({"a": 1.0}, {"b": 1.0}, False),
    ],
)
def test_same(value, expected, equal):
    assert same(value, expected, rtol=1e-7) is equal


def _key(**fields):
    trials = tuple(
        Trial({"x": np.array([x])}, np.array([x**2, 1.0]), {"flipped": np.array([1.0, x**2])}) for x in (2.0, 3.0)
    )
    return Key("e00.a", 2, 1e-7, trials, {"flipped": "Flipped."}, **fields)


def _advice(function):
    key = _key()
    return judge(answers(function, key), key).advice


def in_place(x):
    x *= 5
    return np.array([0.0, 1.0])


@pytest.mark.parametrize(
    ("function", "advice"),
    [
        (lambda x: np.array([x[0] ** 2, 1.0]), "Right."),
        (lambda x: np.array([1.0, x[0] ** 2]), "Flipped."),
        (lambda x: -3 * np.array([x[0] ** 2, 1.0]), "-3 times the right one on every input"),
        (lambda x: None, "None: does the function return its result"),
        (lambda x: x, r"shape (1,), the right one (2,)"),
        (lambda x: np.array([np.nan, 1.0]), "not finite"),
        (lambda x: print, "is a builtin_function_or_method"),
        (lambda x: x.nothing, "AttributeError"),
        (lambda y: y, "unexpected keyword argument 'x' Keep the names"),
        (lambda x: np.array([x[0] ** 2 + 0.01, 1.0]), "Yours: [4.01, 1.0]; right: [4.0, 1.0].\nTry it with"),
        (in_place, "changes its input x in place"),
    ],
)
def test_advice(function, advice):
    assert advice in _advice(function)


def test_the_first_input_that_differs_is_shown():
    assert "x = np.array([3.0])" in _advice(lambda x: np.array([x[0] ** 2 if x[0] < 3 else 0.0, 1.0]))


@pytest.mark.parametrize(
    "made_up", [None, [], {}, "right", [{}], [{"value": {"right": 1}}] * 2, [1, 2], [{"value": []}] * 2]
)
def test_a_made_up_report_is_not_right(made_up):
    assert not judge(made_up, _key()).right


def _load(name):
    cell = next(cell for cell in release(name)["cells"] if cell["id"] == f"{name}-key")
    exec("".join(cell["source"]), {})


def test_a_check_passes_advises_or_raises(capsys):
    _load("e02")
    namespace = {"np": np}
    exec(right_answers("e02")["e02.a"], namespace)
    check("e02.a", namespace["meta_gradient"])
    assert capsys.readouterr().out == "✓ e02.a: right, 3 points.\n"
    exec(right_answers("e02")["e02.a"].replace("jacobian.T @ ", ""), namespace)
    with pytest.raises(CheckFailed, match="FOMAML"):
        check("e02.a", namespace["meta_gradient"])


def test_a_check_shows_its_advice_without_a_traceback():
    assert CheckFailed("e02.a: Mend it.")._render_traceback_() == ["✗ e02.a: Mend it."]


def test_a_check_without_its_key_says_what_to_run():
    with pytest.raises(LookupError, match="run the cells above"):
        check("e77.a", lambda: None)


def test_advice_cannot_be_read_in_passing():
    """The key is folded, not secret: no sentence of it stands in the file as text."""
    text = json.dumps(release("e02"))
    assert "the factor (I - alpha A) is missing" not in text
    load_key(base64.b64encode(b"[]").decode())
