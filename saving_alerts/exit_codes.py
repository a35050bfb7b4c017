"""The exit codes of a worker that are ours; Faust and the shell have the others."""

# The worker cannot go on and lost nothing: its supervisor starts it again. BSD's EX_SOFTWARE.
RESTART = 70
