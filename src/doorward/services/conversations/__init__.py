"""History. Nothing in here can reach an agent or a model."""
