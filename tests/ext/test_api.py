"""What the reference documents of a module: every public part, also a cached one, and no field of a tuple twice."""

from functools import lru_cache
from types import SimpleNamespace
from typing import NamedTuple

import api
import pytest


class Pair(NamedTuple):
    left: int
    right: int

    def swapped(self) -> "Pair":
        return Pair(self.right, self.left)


@lru_cache
def cached() -> int:
    return 1


def test_a_cached_function_is_a_member_and_an_imported_one_is_not():
    found = api.public_members(__name__)
    assert {"Pair", "cached"} <= set(found)
    assert not {"lru_cache", "NamedTuple"} & set(found)


def test_no_module_of_the_reference_is_without_members():
    assert api.public_members("mamlkit.explorers.factors") == ["factor_scene"]


@pytest.mark.parametrize(("name", "skipped"), [("left", True), ("swapped", None)])
def test_fields_of_a_tuple_are_left_out_and_its_methods_are_not(name, skipped):
    assert api.leave_out_fields(SimpleNamespace(), "class", name, getattr(Pair, name), None, None) is skipped
