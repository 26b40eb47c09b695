"""A private variant: what was right in the book earns nothing, what is right there earns everything."""

import json

import pytest

from mamlkit.grade import cli, instructor
from mamlkit.grade import release as derive
from mamlkit.grade.grading import grade
from mamlkit.grade.keys import prepare
from mamlkit.grade.variant import renamed_code, variant

from .conftest import ISOLATION, ROOT, data, right_answers, solution

NAMES = {"theta": "w", "alpha": "eta", "meta_gradient": "outer_gradient"}


@pytest.fixture(scope="module")
def exam(tmp_path_factory):
    """Make a variant of E2 with the three commands of CONTRIBUTING.md, up to the hand-ins."""
    folder = tmp_path_factory.mktemp("exam")
    pairs = [f"{old}={new}" for old, new in NAMES.items()]
    assert cli.main(["variant", str(solution("e02")), "--to", str(folder), "--seed", "41", "--rename", *pairs]) == 0
    config = ["--config", str(ROOT / "_config.yml")]
    assert cli.main(["release", "--solutions", str(folder), "--exercises", str(folder / "out"), *config]) == 0
    return folder / solution("e02").name, folder / "out" / solution("e02").name


def filled(exam, answers):
    notebook = json.loads(exam[1].read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if instructor.role(cell) == "answer":
            cell["source"] = answers[instructor.part_of(cell)]
    return data(notebook)


def earned(exam, answers):
    return grade(filled(exam, answers), prepare(exam[0], seed=5, isolation=ISOLATION))


def test_the_variants_solution_earns_everything_and_the_books_nothing(exam):
    own = {
        instructor.part_of(cell): cell["source"]
        for cell in instructor.read(exam[0])["cells"]
        if instructor.role(cell) == "answer"
    }
    assert earned(exam, own).points == 10
    assert earned(exam, right_answers("e02")).points == 0


def test_names_numbers_and_formulas_are_others_and_the_advice_speaks_of_them(exam):
    text = exam[0].read_text(encoding="utf-8")
    original = solution("e02").read_text(encoding="utf-8")
    assert r"\\theta" in original
    assert r"\\theta" not in text
    assert "I - eta A" in text
    keys = [
        derive.release(path, "https://example.org/fork").split("load_key")[2] for path in (exam[0], solution("e02"))
    ]
    assert keys[0] != keys[1]


def test_the_seed_alone_changes_the_numbers_and_nothing_else(tmp_path):
    original = instructor.read(solution("e02"))
    changed = variant(solution("e02"), seed=3, names={})
    assert changed["cells"] == original["cells"]
    (tmp_path / solution("e02").name).write_text(json.dumps(changed))
    one, two = (derive.release(folder / solution("e02").name, "https://example.org/fork")
                for folder in (tmp_path, ROOT / "solutions"))  # fmt: skip
    assert one != two


def test_two_names_may_change_places():
    assert renamed_code("f(a, b)  # a before b", {"a": "b", "b": "a"}) == "f(b, a)  # b before a"


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("thetta=w", "no 'thetta' in the notebook's code"),
        ("theta=2w", "'2w' cannot be a name"),
        ("theta=lambda", "'lambda' cannot be a name"),
        ("theta=alpha", "'alpha' is taken"),
        ("theta", "--rename takes OLD=NEW, not theta"),
    ],
)
def test_a_name_that_cannot_be_is_named_and_nothing_is_written(tmp_path, capsys, pair, message):
    command = ["variant", str(solution("e02")), "--to", str(tmp_path / "v"), "--seed", "1", "--rename", pair]
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "v").exists()


def test_a_variant_that_is_there_is_not_overwritten(tmp_path, capsys):
    (tmp_path / solution("e02").name).write_text("kept")
    assert cli.main(["variant", str(solution("e02")), "--to", str(tmp_path), "--seed", "1"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / solution("e02").name).read_text() == "kept"
