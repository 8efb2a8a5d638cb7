"""The harness of the tests: private databases, the real server, and real clients of every kind."""
