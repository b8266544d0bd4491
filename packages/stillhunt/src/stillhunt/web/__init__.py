"""HTTP for programs and people; it receives, shows and answers, and detects nothing."""
