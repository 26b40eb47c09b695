"""`python -m mamlkit.experiments [name ...]`: run the named experiments, or all, and write their results anew."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("[a-z]*.py"))


def main() -> None:
    """Run each experiment's `run()` and write what it returns, whole or not at all."""
    parser = argparse.ArgumentParser(prog="python -m mamlkit.experiments", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}")
    for name in parser.parse_args().names or NAMES:
        print(f"{name} ...", flush=True)
        measured = importlib.import_module(f"mamlkit.experiments.{name}").run()
        text = json.dumps(measured, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        path = HERE / "results" / f"{name}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)


if __name__ == "__main__":
    main()
