"""Whether pushes help: the statistics of treated and control users. Pure, and free of everything else here."""
