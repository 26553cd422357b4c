"""The append-only, tamper-evident record of verdicts. No SDKs."""
