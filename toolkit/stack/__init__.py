"""The running product: docker-compose.yml and docker-compose.prod.yml, driven by tasks."""
