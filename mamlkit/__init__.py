"""Model-agnostic meta-learning (MAML): closed forms, an engine, figures that answer, and graded exercises.

Importing :mod:`mamlkit` is cheap: it loads neither PyTorch nor matplotlib nor anywidget. Each part is imported
by its own name, for example ``from mamlkit.closed_form import quadratic`` or ``from mamlkit import engine``.

The parts depend on one another in one direction only::

    closed_form, tasks, runtime  ->  engine, scene  ->  applications, figures, explorers  ->  book  ->  grade
"""

__version__ = "0.1.0"
