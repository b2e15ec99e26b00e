"""What `presence demo` plays: a cast, their frames, and a server that speaks Jetstream's protocol."""
