"""What the grader promises, each promise with the test that holds it; the page of the book is made from this table.

A test fails when a promise's test does not exist or does not carry the promise's label.
"""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """One promise: a sentence, where it holds, and the test that would fail if it did not."""

    says: str
    where: str
    test: str


EVERYWHERE, NAMESPACES, LIMITS = "everywhere", "with namespaces", "with limits alone"
PROMISES = {
    "P1": Promise(
        "A kernel inherits nothing that is open in the grader, so no answer reads or writes what belongs to another.",
        EVERYWHERE,
        "test_marks_without_work.py::test_a_kernel_inherits_nothing_that_is_open",
    ),
    "P2": Promise(
        "The grader imports nothing from where submissions lie, and pytest reads no `conftest.py` and no settings.",
        EVERYWHERE,
        "test_marks_without_work.py::test_nothing_is_imported_from_where_submissions_lie",
    ),
    "P3": Promise(
        "No process of a student's can read the memory that holds the right answers.",
        EVERYWHERE,
        "test_marks_without_work.py::test_with_limits_alone_the_memory_that_holds_the_keys_cannot_be_read",
    ),
    "P4": Promise(
        "Each hand-in is asked with inputs of its own, which `--seed` and the same file repeat; feedback holds two "
        "digits of a right number at most.",
        EVERYWHERE,
        "test_marks_without_work.py::test_each_hand_in_gets_inputs_of_its_own",
    ),
    "P5": Promise(
        "A count that a student's process keeps decides nothing.",
        "in E3",
        "test_marks_without_work.py::test_a_count_that_is_trimmed_earns_nothing",
    ),
    "P6": Promise(
        "A kernel sees system libraries and Python, and no other folder of the machine.",
        NAMESPACES,
        "test_marks_without_work.py::test_a_folder_of_the_machine_that_is_not_a_library_is_not_there",
    ),
    "P7": Promise(
        "Whatever a student writes or is called, reports can be stored, printed and opened in a spreadsheet.",
        EVERYWHERE,
        "test_one_file.py::test_half_letters_and_odd_names_spoil_nothing",
    ),
    "P8": Promise(
        "What an answer leaves on the disk is limited, and is removed.",
        NAMESPACES,
        "test_one_file.py::test_the_disk_has_a_limit_inside_namespaces",
    ),
    "P9": Promise(
        "Every byte that a kernel sends counts before it is read.",
        EVERYWHERE,
        "test_one_file.py::test_all_of_a_message_counts_and_none_fills_the_memory",
    ),
    "P10": Promise(
        "Each wait has an end: a kernel that does not follow the protocol costs its own part, in bounded time.",
        EVERYWHERE,
        "test_one_file.py::test_a_kernel_that_does_not_follow_the_protocol_costs_its_own_part_in_bounded_time",
    ),
    "P11": Promise(
        "Nothing vanishes in silence: a file or folder that cannot be read, or holds no notebook, has a line.",
        EVERYWHERE,
        "test_one_file.py::test_what_cannot_be_read_has_a_line",
    ),
    "P12": Promise(
        "An everyday way to return a number is right, in the notebook and in the class.",
        EVERYWHERE,
        "test_honest.py::test_an_everyday_way_to_return_numbers_is_right_in_notebook_and_class",
    ),
    "P13": Promise(
        "An answer that ends the kernel costs its own part, and the same file gets the same points each time.",
        EVERYWHERE,
        "test_honest.py::test_a_kernel_that_ends_a_moment_later_costs_the_answer_at_fault",
    ),
    "P14": Promise(
        "The last of several attempts counts, as in the notebook; what it needs of the student's other cells is taken "
        "along, and a note says so.",
        EVERYWHERE,
        "test_honest.py::test_what_is_green_in_the_notebook_is_right_in_the_class",
    ),
    "P15": Promise(
        "A failure of the grader or of the set-up cell is no zero: it is called `failed`, and is tried again.",
        EVERYWHERE,
        "test_honest.py::test_a_set_up_cell_that_does_not_end_is_the_graders_failure",
    ),
    "P16": Promise(
        "A notebook is read however it was saved; for a file that cannot be read a sentence says what to do.",
        EVERYWHERE,
        "test_honest.py::test_a_notebook_is_read_however_it_was_saved",
    ),
    "P17": Promise(
        "A student's name comes from one rule, and two files that claim one place say so; of many, ten are graded.",
        EVERYWHERE,
        "test_handins.py::test_the_rule",
    ),
    "P18": Promise(
        "An instructor's mistake is said in a sentence before a class is graded with it.",
        EVERYWHERE,
        "test_instructors.py::test_each_mistake_has_a_sentence",
    ),
    "P19": Promise(
        "A class is graded without namespaces only where somebody has said `--accept-limits`.",
        LIMITS,
        "test_instructors.py::test_a_class_is_graded_with_limits_alone_only_where_somebody_has_accepted_them",
    ),
    "P20": Promise(
        "A class that is interrupted loses nothing, and every mark is right.",
        EVERYWHERE,
        "test_classroom.py::test_a_class_with_the_right_marks_through_an_interruption",
    ),
}
