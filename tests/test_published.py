"""The files that publish the book follow their schemas; a fork retargets every link by one setting."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FORMS = sorted(set(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml")) - {ROOT / ".github/ISSUE_TEMPLATE/config.yml"})
SCHEMAS = {
    "github-workflows": sorted(ROOT.glob(".github/workflows/*.yml")),
    "github-issue-forms": FORMS,
    "github-issue-config": [ROOT / ".github/ISSUE_TEMPLATE/config.yml"],
    "citation-file-format": [ROOT / "CITATION.cff"],
}


def check(schema, *paths):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_follow_their_schema(schema):
    assert SCHEMAS[schema]
    done = check(schema, *SCHEMAS[schema])
    assert done.returncode == 0, done.stdout


def test_a_slip_in_a_workflow_is_seen(tmp_path):
    text = (ROOT / ".github/workflows/book.yml").read_text("utf-8")
    (tmp_path / "slip.yml").write_text(text.replace("runs-on:", "run-on:"), "utf-8")
    assert check("github-workflows", tmp_path / "slip.yml").returncode == 1


def test_the_hooks_of_a_commit_run_commands_that_exist():
    path = ROOT / ".pre-commit-config.yaml"
    subprocess.run([sys.executable, "-m", "pre_commit", "validate-config", str(path)], check=True)
    for hook in yaml.safe_load(path.read_text("utf-8"))["repos"][0]["hooks"]:
        assert shutil.which(ROOT / hook["entry"].split()[0]), hook["entry"]


def test_workflows_call_targets_that_exist():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for path in ROOT.glob(".github/workflows/*.yml"):
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            commands = " ; ".join(step.get("run", "") for step in job["steps"])
            for called in re.findall(r"\bmake ((?:[a-z]+ ?)+)", commands):
                assert set(called.split()) <= targets, (path.name, called)


def test_a_fork_changes_one_setting(tmp_path):
    subprocess.run(
        ["git", "clone", "-q", "--no-local", "--depth=1", f"file://{ROOT}", "fork"], cwd=tmp_path, check=True
    )
    fork, old = tmp_path / "fork", "https://github.com/mamlkit/mamlkit"
    shutil.copy(ROOT / "_ext/links.py", fork / "_ext/links.py")
    settings = (fork / "_config.yml").read_text("utf-8")
    (fork / "_config.yml").write_text(settings.replace(old, "https://github.com/ada/maml"), "utf-8")
    subprocess.run([sys.executable, "_ext/links.py"], cwd=fork, check=True, capture_output=True)
    left = subprocess.run(["git", "grep", "-l", old], cwd=fork, capture_output=True, text=True)
    assert left.stdout == ""


def test_every_work_has_an_identifier():
    """A DOI, an arXiv number, or, for pages that have neither, their address."""
    entries = re.split(r"^@", (ROOT / "book/references.bib").read_text("utf-8"), flags=re.M)[1:]
    identified = r"^\s*(doi\s*=|url\s*=\s*\{https://(arxiv\.org/abs/\d{4}\.\d{4,5}|doi\.org/10\.|openreview\.net|proceedings\.mlr\.press))"
    without = {entry.split(",")[0] for entry in entries if not re.search(identified, entry, re.M)}
    assert all(one.startswith(("misc{", "article{")) for one in without), without
    assert not {entry.split(",")[0] for entry in entries if "url =" not in entry and "doi =" not in entry}


def test_addresses_of_other_sites_are_asked_by_the_clock():
    """A page that has moved is found without anybody's push."""
    asking = [path for path in ROOT.glob(".github/workflows/*.yml") if "make addresses" in path.read_text("utf-8")]
    triggers = [yaml.safe_load(path.read_text("utf-8"))[True] for path in asking]  # "on" is a truth of YAML 1.1
    assert any("schedule" in trigger for trigger in triggers)
