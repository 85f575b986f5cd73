"""HTTP: the only place that imports aiohttp and backoff."""
