"""Write the repository named in _config.yml into every file that has to spell it out.

Set-up cells, the citation and the package's metadata cannot read a setting when they are used, so they carry the
address. CITATION.cff says which address stands in them now.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def main() -> None:
    new = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    old = yaml.safe_load((ROOT / "CITATION.cff").read_text())["repository-code"]
    if old == new:
        print(f"nothing to change: every link points to {new}")
        return
    for name in subprocess.check_output(["git", "grep", "-lF", old], cwd=ROOT, text=True).splitlines():
        path = ROOT / name
        path.write_text(path.read_text().replace(old, new))
        print(f"{name}: {old} -> {new}")


if __name__ == "__main__":
    main()
