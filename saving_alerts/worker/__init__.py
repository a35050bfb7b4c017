"""One worker: the composition root and what only it uses."""
