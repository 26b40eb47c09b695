"""Whose notebook it is, and which exercise: one rule, with every name that broke an earlier one."""

import os

import pytest

from mamlkit.grade import reports, rooms
from mamlkit.grade.handins import DEEPEST, MOST_CLAIMS, find, with_claims

from .conftest import data, fill, release

STEMS = ("e01_the_adapted_loss", "e02_meta_gradient_of_a_quadratic", "e03_maml_by_automatic_differentiation")
EMPTY = {"nbformat": 4, "cells": []}


def put(path, notebook=EMPTY):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data(notebook))


@pytest.mark.parametrize(
    ("name", "student", "exercise"),
    [
        ("ada/e02.ipynb", "ada", "e02"),
        ("ada/deep/down/e02.ipynb", "ada", "e02"),
        ("ada/solution.ipynb", "ada", ""),
        ("ada_e02.ipynb", "ada", "e02"),
        ("ada-e02-final.ipynb", "ada", "e02"),
        ("ada e02 (1).ipynb", "ada", "e02"),
        ("ada_e02_meta_gradient_of_a_quadratic.ipynb", "ada", "e02"),
        ("e02_meta_gradient_of_a_quadratic_ada.ipynb", "ada", "e02"),
        ("e02_meta_gradient_of_a_quadratic.ipynb", "", "e02"),
        ("e02_meta_gradient_of_a_quadratic (3).ipynb", "", "e02"),
        ("e01_bob.ipynb", "bob", "e01"),
        ("bob_e01_final (2).ipynb", "bob", "e01"),
        ("george21_e02.ipynb", "george21", "e02"),
        ("george22_e02.ipynb", "george22", "e02"),
        ("jane01_e02.ipynb", "jane01", "e02"),
        ("the02_e01.ipynb", "the02", "e01"),
        ("ADA_E02.IPYNB", "ADA", "e02"),
        ("ada_e02.ipynb.txt", "ada", "e02"),
        ("ada_e02.ipynb.json", "ada", "e02"),
        ("ada_e99.ipynb", "ada_e99", ""),
        ("e02/ada.ipynb", "ada", "e02"),
        ("e02/ada/notebook.ipynb", "ada", "e02"),
        ("e02_meta_gradient_of_a_quadratic/ada.ipynb", "ada", "e02"),
        ("Jose\u0301/e02.ipynb", "José", "e02"),
        ("a\tb/e02.ipynb", "a b", "e02"),
    ],
)
def test_the_rule(tmp_path, name, student, exercise):
    """P17: a student's name comes from one rule, which the module states."""
    put(tmp_path / name)
    found = [(entry.student, entry.exercise, entry.problem) for entry in find(tmp_path, STEMS)]
    assert found == [(student, exercise, "")]


def test_the_notebook_says_itself_which_exercise_it_is(tmp_path):
    put(tmp_path / "ada" / "e01.ipynb", release("e03"))
    assert [entry.exercise for entry in find(tmp_path, STEMS)] == ["e03"]


@pytest.mark.parametrize(
    "name",
    ["ada/._e02.ipynb", "__MACOSX/ada/e02.ipynb", "ada/.ipynb_checkpoints/e02-checkpoint.ipynb", ".git/e02.ipynb"],
)
def test_what_a_computer_leaves_is_nobodys(tmp_path, name):
    put(tmp_path / name)
    assert find(tmp_path, STEMS) == []


def test_two_files_that_claim_one_place_are_reported(tmp_path):
    """P17: both are graded, and both say so."""
    for name in ("ada/e02.ipynb", "ada/e02 (1).ipynb", "Ada_e02.ipynb", "ada/e01.ipynb", "bob/e02.ipynb"):
        put(tmp_path / name)
    entries = with_claims(find(tmp_path, STEMS))
    noted = {entry.file for entry in entries if any("3 files claim this place" in note for note in entry.notes)}
    assert noted == {"ada/e02.ipynb", "ada/e02 (1).ipynb", "Ada_e02.ipynb"}


def test_what_the_grader_writes_and_reads_itself_is_not_handed_in(tmp_path):
    for name in ("ada/e02.ipynb", "solutions/e02.ipynb", "grades/e02.ipynb", "grades/grades.csv"):
        put(tmp_path / name)
    found = find(tmp_path, STEMS, (tmp_path / "solutions", tmp_path / "grades", None))
    assert [entry.student for entry in found] == ["ada"]


def test_who_is_not_named_is_told(tmp_path):
    put(tmp_path / "e02.ipynb")
    (entry,) = find(tmp_path, STEMS)
    assert entry.notes == ("Neither a folder nor the file's name says whose this is.",)


def test_names_in_an_old_encoding_are_names(tmp_path):
    for raw in (b"J\xf6rg", b"Ren\xe9e", b"\xff\xfe\xfd", "Jörn".encode()):
        os.makedirs(os.fsencode(tmp_path) + b"/" + raw)
        with open(os.fsencode(tmp_path) + b"/" + raw + b"/e02.ipynb", "wb") as file:
            file.write(data(fill("e02", {})))
    entries = find(tmp_path, STEMS)
    assert {entry.student for entry in entries} == {"Jörg", "Renée", "ÿþý", "Jörn"}
    for entry in entries:
        (entry.student + entry.file).encode()
        assert reports._file_name(entry.student)
        assert entry.read()


def test_folders_without_end_in_a_hand_in_stop_nobody(tmp_path):
    """P11: a ZIP file can hold them; Python's own walk ends in a RecursionError."""
    for name in ("ada", "kim"):
        put(tmp_path / name / "e02.ipynb")
    (tmp_path / "bob").mkdir()
    before = os.getcwd()
    os.chdir(tmp_path / "bob")
    try:
        for _ in range(1500):
            os.mkdir("n")
            os.chdir("n")
    finally:
        os.chdir(before)
    problems = {entry.student: entry.problem for entry in find(tmp_path, STEMS)}
    assert problems == {"ada": "", "bob": f"Folders nested more than {DEEPEST} deep are not looked into.", "kim": ""}
    rooms.clear(tmp_path / "bob")


@pytest.mark.parametrize(
    ("name", "student", "problem"),
    [
        ("bob/e02.zip", "bob", "no notebook in this folder, but 'e02.zip'"),
        ("bob/", "bob", "no notebook in this folder."),
        ("bob/.DS_Store", "bob", "no notebook in this folder."),
        ("e02/bob/e02.pdf", "bob", "no notebook in this folder, but 'e02.pdf'"),
        ("e02/bob/", "bob", "no notebook in this folder."),
        ("bob_e02.zip", "bob_e02.zip", "This is no notebook."),
        ("bob_e02.py", "bob_e02.py", "This is no notebook."),
        ("readme.txt", None, None),
        ("e02/readme.txt", None, None),
        ("e01/", None, None),
    ],
)
def test_nobody_vanishes_in_silence(tmp_path, name, student, problem):
    """P11: who has handed in something else, or nothing, has a line as well."""
    put(tmp_path / "ada" / "e02.ipynb")
    put(tmp_path / "e02" / "eve" / "e02.ipynb")
    if name.endswith("/"):
        (tmp_path / name).mkdir(parents=True)
    else:
        put(tmp_path / name, b"PK")
    others = [entry for entry in find(tmp_path, STEMS) if entry.student not in {"ada", "eve"}]
    assert len(others) == (student is not None)
    assert not others or (others[0].student in {student, student.split("_")[0]} and problem in others[0].problem)


def test_one_student_cannot_keep_the_grader_busy(tmp_path):
    """P17: of many files that claim one place some are graded, and each says what has happened."""
    for number in range(MOST_CLAIMS + 5):
        put(tmp_path / "ada" / f"{number}_e02.ipynb")
    put(tmp_path / "bob" / "e02.ipynb")
    entries = with_claims(find(tmp_path, STEMS))
    refused = [entry for entry in entries if entry.problem]
    assert len(refused) == 5
    assert {entry.student for entry in refused} == {"ada"}
    assert all(f"The first {MOST_CLAIMS} of them are graded" in entry.notes[-1] for entry in entries[:-1])


def test_names_that_a_disk_takes_for_one_keep_pages_of_their_own(tmp_path):
    blank = {"parts": [], "notes": [], "exercise": "e02", "title": "", "file": "", "status": "graded"}
    reports.save([{**blank, "points": 1, "out_of": 3, "student": name} for name in ("Ada", "ada", "ADA")], tmp_path)
    pages = [page.name.casefold() for page in (tmp_path / "feedback").iterdir()]
    assert len(pages) == len(set(pages)) == 3
