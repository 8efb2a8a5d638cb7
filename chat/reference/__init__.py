"""The references: OpenAPI, AsyncAPI and TypeScript types, made from what is declared in code and from nothing else."""
