"""What several formats share: request and answer bodies, client addresses, headers, tags, tracer fields, errors."""
