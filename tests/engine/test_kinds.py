"""The kinds of models and mistakes that people bring to the engine, and where each is tested.

A case that is new belongs to one of these kinds, or makes a kind: a row here, and a test file of its own. The page
"Known limits" tells readers what comes of each.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
KINDS = {  # what goes wrong: what the engine does about it, and the tests
    "two structures are paired by position": (
        "match by key, or name the keys that differ",
        "test_keys.py",
    ),
    "a graph holds a value, a shape or a length of the batch that it was recorded on": (
        "do not record, and compare numbers on later batches",
        "test_sound.py",
    ),
    "PyTorch differentiates an operator wrongly, or under vmap, or not twice": (
        "compute it in another way, or refuse it",
        "test_operators.py",
    ),
    "a layer of PyTorch": ("right in every way, or refused: one row for each", "test_modules.py"),
    "a normalisation layer": ("never differentiate within vmap", "test_norm.py"),
    "weights live where adapted ones cannot be put": ("refuse, by name", "test_hidden.py"),
    "a model of the reader's own differentiates wrongly": ("a check to run on it", "test_check.py"),
    "vmap cannot batch the loss": ("one task after the other, with one line in the log", "test_sentences.py"),
    "PyTorch's message does not help": ("a sentence that says what to write", "test_sentences.py"),
    "an error does not survive its process": ("it can be pickled", "test_sentences.py"),
    "the inner loop that is wanted is another": ("rates and mini-batches for each step", "test_schedule.py"),
    "an option has a value that it cannot have": ("name the argument and the value", "test_options.py"),
    "an optimizer, a layout or a kind of tasks changes under a recorded step": ("record anew", "test_backends.py"),
    "a number is not finite": ("stop, and say which task, step and cause", "test_diverged.py"),
    "a run is cut off": ("go on to the same bits, or say why not", "test_checkpoint.py"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_tests(kind):
    assert "def test_" in (HERE / KINDS[kind][1]).read_text("utf-8")


def test_each_file_of_tests_that_meets_the_unexpected_has_its_kind():
    without = {"test_kinds.py", "test_meta.py", "test_mutations.py", "test_parallel.py", "test_train.py"}
    without |= {"test_variants.py"}  # what is expected: formulas, mutants, processes, training
    assert {path.name for path in HERE.glob("test_*.py")} - without == {file for _, file in KINDS.values()}


def test_the_readers_page_names_what_is_refused():
    """Each layer that the sweep sees refused stands on the page."""
    from .test_modules import REFUSED

    page = (HERE.parent.parent / "book" / "reference" / "known-limits.md").read_text("utf-8")
    names = {"old weight norm": "nn.utils.weight_norm", "old spectral norm": "nn.utils.spectral_norm"}
    for name in REFUSED:
        assert names.get(name, name.split("(")[-1].strip(")")) in page, name
