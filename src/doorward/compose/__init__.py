"""The only place that joins stations, engines and SDKs; the only reader of settings."""
