"""The commands about models; code that needs torch is imported when a command runs, once its libraries are silenced."""
