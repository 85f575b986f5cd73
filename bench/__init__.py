"""What a call costs, measured against bare aiohttp and what a user would pick instead."""
