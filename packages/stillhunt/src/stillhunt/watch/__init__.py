"""Watch: hunts by themselves over one data folder, into which traffic flows."""
