"""A pure function, recorded: the same numbers, and memory that is kept."""

import logging
import platform
import resource
import subprocess
import sys
import textwrap

import pytest
import torch

from mamlkit.runtime.capture import Captured, break_even


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an allocator of another kind")
def test_freed_memory_is_kept():
    """Sixteen megabytes, freed and asked for again: without the setting every page comes from the system anew."""
    code = textwrap.dedent("""
        import resource, torch
        from mamlkit.runtime.capture import keep_freed_memory
        keep_freed_memory()
        torch.set_num_threads(1)
        def faults(count):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            for _ in range(count):
                torch.ones(4_000_000).add(1)
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        print(faults(2), faults(20))
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    first, later = map(int, run.stdout.split())
    assert later < 20 * 2 * 16_000_000 / resource.getpagesize() / 4, first


def test_captured_checks_numbers_against_the_function(caplog):
    """A function that reads the clock is not pure: the recorded constant is seen to differ."""
    ticks = iter(range(100))
    captured = Captured(lambda x: [x + next(ticks)])
    with caplog.at_level(logging.WARNING, "mamlkit.runtime.capture"):
        assert [float(captured(torch.tensor(0.0))[0]) for _ in range(3)] != [0.0] * 3
    assert captured.level == 0


def test_results_are_written_in_place_and_inputs_are_left_alone():
    captured, x = Captured(lambda x: [((2 * x) + 1).relu()]), torch.tensor([-3.0, 1.0])
    first, second = captured(x)[0], captured(x + 1)[0]
    assert [first.tolist(), second.tolist(), x.tolist()] == [[0.0, 3.0], [0.0, 5.0], [-3.0, 1.0]]
    (program,) = captured.programs.values()
    assert "relu_" in program.code
    assert "add_" in program.code


@pytest.mark.parametrize(("noise", "level"), [(1e-17, 1), (1e-9, 0)])
def test_numbers_are_compared_to_rounding_of_the_largest(noise, level):
    """A gradient that is zero but for rounding comes out otherwise each time, and is no reason to fall back."""
    ticks = iter(range(9))
    captured = Captured(lambda x: [x, noise * (next(ticks) + 0 * x)])
    captured(torch.linspace(1, 2, 7, dtype=torch.float64))
    assert captured.level == level


def test_a_tensor_from_outside_is_held():
    held = torch.arange(3.0)
    captured = Captured(lambda x: [((x * held) + held).relu()])
    for value in (1.0, -1.0):
        assert captured(torch.tensor(value))[0].tolist() == ((value + 1) * held).relu().tolist()
    assert captured.level == 1


def test_compiling_is_worth_it_only_for_long_runs():
    assert 1000 < break_even(300) < 70_000
    assert break_even(0) > 10**9
