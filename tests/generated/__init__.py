"""`make generated`: the files that are written from the code, and held to it by `tests/docs/test_generated.py`."""
