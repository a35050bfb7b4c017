"""The exit codes of a worker that are ours; Faust and the shell have the others."""

# The worker cannot go on and lost nothing: its supervisor starts it again. BSD's EX_SOFTWARE. Three places end with it,
# each after a line of level critical that says why:
#   supervision/watchdog.py     consumer, group or steps stand still (`supervision/standstill.py` lists the signs)
#   supervision/stuck_loop.py   the event loop does not turn
#   delivery/stage_runner.py    a bug in delivery itself, after which nothing may be acknowledged
RESTART = 70
