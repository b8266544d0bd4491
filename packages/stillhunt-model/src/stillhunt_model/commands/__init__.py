"""The commands about models; what needs torch is imported when a command runs, after the libraries were made quiet."""
