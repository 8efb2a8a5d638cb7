"""What schemathesis needs to know of this server beside its OpenAPI document."""
