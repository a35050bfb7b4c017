"""The local cluster in containers: what `docker-compose.yml` starts beside the workers, and what makes it suffer."""
