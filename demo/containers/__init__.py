"""What `docker-compose.yml` starts beside the workers, the load on them, and the faults that are injected."""
