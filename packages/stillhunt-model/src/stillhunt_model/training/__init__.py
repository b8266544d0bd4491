"""Training, generating and scoring of local models."""
