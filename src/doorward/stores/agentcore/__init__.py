"""The engine that keeps the text of messages in Bedrock AgentCore Memory, over a store that keeps everything else."""
