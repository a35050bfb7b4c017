"""Records that kill the process: how they are found and set aside."""
