"""Every word that code draws (axis labels, legends, readouts, questions) goes through :func:`gettext`.

The English sentence stands where it is drawn: ``_("inner learning rate α")``. ``make words`` collects these sentences
into a catalogue; a language is one file ``locale/<language>/LC_MESSAGES/mamlkit.po`` in this folder, and a book in that
language is built with the environment variable ``MAMLKIT_LANGUAGE``. What has no translation stays English.
"""

from __future__ import annotations

import gettext as catalogues
import os
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"


def gettext(sentence: str, **fields: str) -> str:
    """Return `sentence` in the language of ``MAMLKIT_LANGUAGE``, with the named `fields` filled in.

    Raises
    ------
    ValueError
        If the sentence, or its translation, names a field that is not given.

    Examples
    --------
    >>> gettext("{product}: steps fall short", product="0.50")
    '0.50: steps fall short'
    """
    words = _catalogue(os.environ.get("MAMLKIT_LANGUAGE", "en"), LOCALE).gettext(sentence)
    if not fields:
        return words
    try:
        return words.format(**fields)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"{words!r} must have the fields {sorted(fields)!r} and no other") from error


@cache
def _catalogue(language: str, folder: Path) -> catalogues.NullTranslations:
    return catalogues.translation("mamlkit", localedir=folder, languages=[language], fallback=True)
