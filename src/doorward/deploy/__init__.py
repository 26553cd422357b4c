"""Templates of the same house on a cloud, made as plain data. `compose.deploying` says what is in them."""
