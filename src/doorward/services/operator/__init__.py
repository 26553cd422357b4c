"""What operators see and do: metrics, the ledger, turns. Reads no message's text."""
