"""Communication preferences: what an address may be sent."""
