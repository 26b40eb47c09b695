import math

import pytest

from mamlkit.explorers.controls import Choice, Point, Prompt, Slider


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1.01])
def test_a_slider_refuses_what_lies_outside(value):
    with pytest.raises(ValueError, match="value must"):
        Slider([0.0, 0.5, 1.0], 0.5, "x").accept(value)


def test_a_slider_takes_the_next_grid_value():
    assert Slider([0.0, 0.5, 1.0], 0.5, "x").accept(0.7) == 0.5


def test_a_slider_refuses_words():
    with pytest.raises(TypeError, match="value must be a real number, got 'fast'"):
        Slider([0.0, 0.5], 0.5, "x").accept("fast")


@pytest.mark.parametrize(
    ("values", "default", "message"),
    [
        ([0.0, 0.0], 0.0, "values must be two or more increasing numbers"),
        ([1.0], 1.0, "values must be two or more increasing numbers"),
        ([0.0, 1.0], 0.5, "default must be one of the values, got 0.5"),
    ],
)
def test_a_bad_slider_is_refused(values, default, message):
    with pytest.raises(ValueError, match=message):
        Slider(values, default, "x")


def test_a_choice_is_one_of_its_values():
    choice = Choice((1, 2, 5), 1, "K")
    assert choice.names == ("1", "2", "5")
    with pytest.raises(ValueError, match="value must be one of 1, 2, 5; got 3"):
        choice.accept(3)
    with pytest.raises(ValueError, match="names must be as many as values"):
        Choice((1, 2), 1, "K", names=("one",))


def test_a_point_stays_in_its_box():
    point = Point((0, 0), (2, 1), (1, 0.5), "p", mark="p")
    assert point.accept([2, 1]) == (2.0, 1.0)
    with pytest.raises(ValueError, match=r"value must lie between \(0.0, 0.0\) and \(2.0, 1.0\), got \(1, 1.1\)"):
        point.accept((1, 1.1))
    with pytest.raises(ValueError, match="high must be above low"):
        Point((0, 0), (0, 1), (0, 0), "p", mark="p")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"beta": 1.0}, r"the prompt 'Look.' sets \['beta'\], but there is alpha"),
        ({"alpha": 7.0}, r"the prompt 'Look.' sets \{'alpha': 7.0\}, but value must lie between 0 and 1, got 7.0"),
    ],
)
def test_a_prompt_sets_only_what_there_is(state, message):
    with pytest.raises(ValueError, match=message):
        Prompt("Look.", state).accepted({"alpha": Slider([0.0, 1.0], 0.0, "α")})


def test_a_prompt_says_something():
    with pytest.raises(ValueError, match="text must say what to do, got ' '"):
        Prompt(" ")
