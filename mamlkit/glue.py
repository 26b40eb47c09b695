"""Hand numbers from a chapter's code to its prose, so that no number in the text is ever typed."""

from __future__ import annotations

PREFIX = "application/papermill.record/"  # the form in which MyST-NB looks for glued values


def glue(**values: object) -> None:
    """Record each value under its name, for ``{glue:text}`` in the prose; nothing is shown in the notebook.

    Values are written with ``str``, so format numbers first. Outside a notebook this does nothing visible.

    Examples
    --------
    >>> glue(one_step=f"{0.3333:.2f}")
    """
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        return
    for name, value in values.items():
        metadata = {"scrapbook": {"name": name, "mime_prefix": PREFIX}}
        # MyST-NB evaluates what it finds: as a quoted string "15,000" stays "15,000" and "0.10" keeps its zero.
        display({f"{PREFIX}text/plain": repr(str(value))}, raw=True, metadata=metadata)
