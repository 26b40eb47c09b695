import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for unpack.py beside this file


@pytest.fixture(scope="session")
def landscape():
    from mamlkit.explorers.landscape import quadratic_landscape

    return quadratic_landscape()
