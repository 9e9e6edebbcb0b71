"""Pages for developers: API keys, examples, and the OpenAPI document."""
