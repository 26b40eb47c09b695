"""Trainings in reduced size: too short to repay the recording of a step, so steps run as they are."""

import pytest

from mamlkit import engine
from mamlkit.experiments import _glyph_training, reuse, sinusoids


@pytest.fixture(scope="module", autouse=True)
def steps_run_as_they_are():
    def eager(*given, **options):
        return meta_train(*given, **{**options, "backend": "eager"})

    meta_train = engine.meta_train
    with pytest.MonkeyPatch.context() as patch:
        for module in (engine, _glyph_training, reuse, sinusoids):
            patch.setattr(module, "meta_train", eager)
        yield
