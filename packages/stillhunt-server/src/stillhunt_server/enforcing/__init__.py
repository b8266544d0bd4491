"""What gateways are answered: decisions in memory, and requests that match a signature while their gateway waits."""
