#!/bin/sh
# Make .venv-bench, the benchmark's own environment, beside the repository's files.
# learn2learn 0.2.0 ships C files that no longer compile: they are made anew with Cython, without build isolation.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv-bench/bin/python ] || "${PYTHON:-python3}" -m venv .venv-bench
pip=".venv-bench/bin/pip"
$pip install -q "cython<3" wheel setuptools -r benchmarks/requirements.txt
if ! .venv-bench/bin/python -c "import importlib.util as u, sys; sys.exit(u.find_spec('learn2learn') is None)"; then
  work=$(mktemp -d)
  $pip download -q --no-deps --no-binary :all: --no-build-isolation learn2learn==0.2.0 -d "$work"
  tar -xzf "$work"/learn2learn-*.tar.gz -C "$work"
  source=$(echo "$work"/learn2learn-*/)
  rm -rf "$source/.eggs"
  find "$source/learn2learn" -name "*.c" -delete
  python="$PWD/.venv-bench/bin/python"
  (cd "$source" && "$python" setup.py -q build_ext bdist_wheel)
  $pip install -q --no-deps "$source"/dist/*.whl
  rm -rf "$work"
fi
