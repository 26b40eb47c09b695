"""Roles, links and TeX commands inside a text, in plain Markdown: each role is a function here (see plain.py)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any

from published import Book

TITLED = re.compile(r"(?P<title>.*?)\s*<(?P<target>[^>]+)>", re.S)
ROLE = r"\{(?P<role>[a-z]+(:[a-z]+)?)\}`(?P<text>[^`]+)`"
CODE = r"(?P<code>(?P<ticks>`+).+?(?<!`)(?P=ticks)(?!`))"
LINK = r"(?<!\[)\]\((?!https?:|#)(?P<path>[^)\s#]+)\.(ipynb|md)(?P<anchor>#[^)\s]+)?\)"


class NoPlainFormError(ValueError):
    """A notebook holds something that `plain` cannot say in plain Markdown."""

    def __init__(self, page: str, construct: str) -> None:
        super().__init__(f"{page}: {construct} has no plain form: write it otherwise, or give it one in _ext/plain.py")


def inline(text: str, page: str, book: Book) -> str:
    """Return text with roles as links or values, links to pages as addresses, and TeX commands written out."""
    macro = rf"\\(?P<macro>{'|'.join(book.macros) or '(?!)'})(?![A-Za-z])"

    def replacement(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        if match["macro"]:
            return tex_command(match["macro"], page, book)
        if match["path"]:
            return f"]({place('page', resolved(match['path'], page), page, book)}{match['anchor'] or ''})"
        return known(ROLES, match["role"], page)(match["text"], page, book)

    return re.sub(f"{ROLE}|{CODE}|{LINK}|{macro}", replacement, text, flags=re.S)


def tex_command(name: str, page: str, book: Book) -> str:
    if not isinstance(book.macros[name], str):
        raise NoPlainFormError(page, f"the TeX command \\{name}, which takes arguments,")
    return book.macros[name]


def known(table: dict[str, Any], name: str, page: str) -> Any:
    """Return what a table says of a name that stands on a page."""
    if name not in table:
        raise NoPlainFormError(page, f"{name!r}, which the built book does not know,")
    return table[name]


def place(kind: str, name: str, page: str, book: Book) -> str:
    return known(book.places.get(kind, {}), name, page)


def resolved(path: str, page: str) -> str:
    """Return the page that a path on a page leads to; a path that begins with a slash starts at the root."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(page), path)).lstrip("/")


def titled(text: str) -> tuple[str, str]:
    """Return title and target of a role's text, an empty title if there is none."""
    match = TITLED.fullmatch(text)
    return (match["title"], match["target"]) if match else ("", text)


def document(text: str, page: str, book: Book) -> str:
    title, target = titled(text)
    name = resolved(target, page)
    return f"[{title or known(book.titles, name, page)}]({place('page', name, page, book)})"


def term(text: str, page: str, book: Book) -> str:
    title, target = titled(text)
    return f"[{title or target}]({place('term', target, page, book)})"


def number(text: str, page: str, book: Book) -> str:
    title, label = titled(text)
    return f"[{(title or '%s').replace('%s', known(book.numbers, label, page))}]({place('label', label, page, book)})"


def reference(text: str, page: str, book: Book) -> str:
    title, label = titled(text)
    if not title:
        raise NoPlainFormError(page, f"{{ref}}`{text}` without a title of its own")
    return f"[{title}]({place('label', label.lower(), page, book)})"


def package_object(text: str, page: str, book: Book) -> str:
    title, name = titled(text)
    return f"[`{title or name}`]({place('object', name, page, book)})"


def cite(text: str, page: str, book: Book, form: str) -> str:
    return ", ".join(form.format(*work(key.strip(), page, book)) for key in text.split(","))


def work(key: str, page: str, book: Book) -> tuple[str, str, str]:
    """Return who wrote a work, when, and where it is found."""
    entry = known(book.works, key, page)
    people = entry.persons.get("author") or entry.persons["editor"]
    names = [" ".join(str(part) for part in person.rich_last_names) for person in people]
    who = " and ".join(names) if len(names) < 3 else f"{names[0]} *et al.*"
    return who, entry.fields["year"], known(entry.fields, "url", page)


ROLES: dict[str, Callable[[str, str, Book], str]] = {
    "doc": document,
    "term": term,
    "eq": number,
    "numref": number,
    "ref": reference,
    "py:obj": package_object,
    "cite:p": lambda text, page, book: f"[{cite(text, page, book, '[{}, {}]({})')}]",
    "cite:t": lambda text, page, book: cite(text, page, book, "{} [[{}]({})]"),
    "glue:text": lambda text, page, book: known(book.glued.get(page, {}), text, page),
}
