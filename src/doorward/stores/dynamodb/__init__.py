"""DynamoDB as the store that functions share: one table, in which every item says by its key what it is (`layout`)."""
