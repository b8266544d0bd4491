"""Access logs of nginx and Envoy."""
