"""Networks as they speak on the wire, on a local socket: for the demonstration, the benches and the tests."""
