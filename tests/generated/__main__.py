"""`python -m tests.generated`: write them anew."""

from tests.generated.files import generated

for path, text in generated():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
