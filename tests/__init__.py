"""The tests, as a package: one of the book's data packages installs another of this name."""
