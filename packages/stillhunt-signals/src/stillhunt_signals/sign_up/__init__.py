"""What is known when somebody signs up: ties to campaigns, and how many free tiers one person has already."""
