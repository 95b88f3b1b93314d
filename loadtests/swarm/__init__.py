"""The load itself. Only here are gevent and locust imported, so it always runs as a process of its own."""
