"""Models behind servers that speak the OpenAI API: requests, budgets, and what they answered."""
