"""One language for all tests: English, in which docstrings show their examples.

The pages in the browser speak the language that the book was built in, so tests there keep to the environment.
"""

import pytest


@pytest.fixture(autouse=True)
def english(request, monkeypatch):
    """Draw in English, whatever the environment says."""
    if "browser" not in request.keywords:
        monkeypatch.setenv("MAMLKIT_LANGUAGE", "en")
