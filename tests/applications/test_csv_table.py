"""A table is read whole, or an error says where it is wrong."""

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamlkit.applications.csv_table import TableError, number, one_of, read_table, text

COLUMNS = {"school": text, "sex": one_of("girl", "boy"), "score": number(0, 25, unit="points")}
GOOD = "school,sex,score,note\nA,girl,12.5,x\n\nB, boy ,9,y\n"


def test_columns_come_as_arrays_and_others_are_left_out():
    table = read_table(GOOD, COLUMNS)
    assert list(table) == ["school", "sex", "score"]
    assert table["school"].tolist() == ["A", "B"]
    assert table["sex"].tolist() == ["girl", "boy"]
    assert table["score"].dtype == float
    assert table["score"].tolist() == [12.5, 9.0]
    assert table.rows.tolist() == [2, 4]  # the empty row counts, as in a spreadsheet


WRONG = {
    "no column": ("school,score\nA,1\n", 1, "sex", "is missing; the header has school, score"),
    "two of a name": ("school,sex,score,sex\nA,boy,1,boy\n", 1, "sex", "stands 2 times"),
    "semicolons": ("school;sex;score\nA;boy;1\n", 1, "school", "separated by ';'"),
    "text in a number": ("school,sex,score\nA,boy,1\nA,boy,ten\n", 3, "score", "must be a number of at least 0"),
    "a unit in a number": ("school,sex,score\nA,boy,12 %\n", 2, "score", "got '12 %'"),
    "a decimal comma": ('school,sex,score\nA,boy,"1,5"\n', 2, "score", "write decimals with a point"),
    "not a number": ("school,sex,score\nA,boy,nan\n", 2, "score", "must be a number"),
    "infinite": ("school,sex,score\nA,boy,inf\n", 2, "score", "must be a number"),
    "underscores": ("school,sex,score\nA,boy,1_0\n", 2, "score", "must be a number"),
    "outside": ("school,sex,score\nA,boy,65\n", 2, "score", "of at most 25 in points, got 65"),
    "an empty cell": ("school,sex,score\n\nA,,3\n", 3, "sex", "is empty"),
    "another word": ("school,sex,score\nA,Boy,3\n", 2, "sex", "must be one of girl, boy; got 'Boy'"),
    "a long row": ("school,sex,score\nA,boy,1,5\n", 2, None, "has 4 cells, the header has 3"),
    "a short row": ("school,sex,score\nA,boy,1\nA,boy\n", 3, None, "has 2 cells"),
    "no rows": ("school,sex,score\n", None, None, "no row beneath"),
    "nothing": ("\n", 1, "school", "the header has nothing"),
    "a stray quote": ('school,sex,score\n"A"b,boy,1\n', None, None, "is not a table"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_names_row_and_column(case):
    content, row, column, words = WRONG[case]
    with pytest.raises(TableError) as caught:
        read_table(content, COLUMNS)
    assert words in str(caught.value)
    assert (caught.value.row, caught.value.column) == (row, column)
    if row:
        assert f"row {row}" in str(caught.value)
    if column:
        assert repr(column) in str(caught.value)


def test_the_first_of_several_errors_is_named_and_the_others_counted():
    with pytest.raises(TableError, match=r"^row 2, column 'sex': .* \(2 more like this\)$"):
        read_table("school,sex,score\nA,x,1\nA,boy,y\nA,z,3\n", COLUMNS)


def test_a_file_is_named_in_its_errors(tmp_path):
    path = tmp_path / "pupils.csv"
    path.write_text(GOOD, "utf-8-sig")  # as spreadsheets write it
    assert read_table(path, COLUMNS)["score"].tolist() == read_table(GOOD, COLUMNS)["score"].tolist()
    assert read_table(str(path), COLUMNS).source == "pupils.csv"
    path.write_text(GOOD.replace("12.5", "twelve"))
    with pytest.raises(TableError, match=r"^pupils.csv, row 2, column 'score': "):
        read_table(path, COLUMNS)
    path.write_bytes(GOOD.replace("A", "\xc9").encode("latin-1"))
    with pytest.raises(TableError, match=r"^pupils.csv: is not in UTF-8"):
        read_table(path, COLUMNS)
    with pytest.raises(OSError, match="missing"):
        read_table(tmp_path / "missing.csv", COLUMNS)


def test_positive_excludes_zero():
    assert number(0)("0") == 0
    with pytest.raises(ValueError, match="a number above 0 in mg, got 0"):
        number(0, above=True, unit="mg")("0")


def test_a_unit_must_be_the_same_in_all_rows():
    table = read_table("dose,unit\n1,mg\n2,mg\n3,g\n", {"dose": number(), "unit": text})
    with pytest.raises(TableError, match=r"row 4, column 'unit': must be mg as in row 2, got g"):
        table.check_same("unit")
    assert read_table("unit\nmg\nmg\n", {"unit": text}).check_same("unit") == "mg"


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(NAMES, st.floats(-1e6, 1e6)), min_size=1, max_size=8))
def test_what_was_written_is_read(rows):
    """Against the standard library's writer: names of any letters, quotes and commas among them."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([("name", "value"), *((name, repr(value)) for name, value in rows)])
    table = read_table(file.getvalue(), {"value": number(), "name": text})
    assert table["name"].tolist() == [name.strip() for name, _ in rows]
    np.testing.assert_array_equal(table["value"], [value for _, value in rows])


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(content):
    try:
        table = read_table(content + "\n", {"a": number()})
    except TableError:
        return
    assert len(table["a"]) == len(table.rows) > 0
    assert np.isfinite(table["a"]).all()
