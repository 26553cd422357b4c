"""The house on AWS as CloudFormation: one file per part, each a function from the plan to a fragment of a template."""
