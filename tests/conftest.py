"""Settings of every test."""

from hypothesis import settings

# A first call may import or compile; its time says nothing. The same examples on every machine.
settings.register_profile("mamlkit", deadline=None, derandomize=True)
settings.load_profile("mamlkit")
