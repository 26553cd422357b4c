"""The one error of loading an agent's file."""

import traceback


class AgentFileError(Exception):
    """The file cannot be hosted: `kind` is the class of the error, `line` 0 when there is none."""

    def __init__(self, kind: str, file: str, message: str, *, line: int = 0) -> None:
        super().__init__(message)
        self.kind = kind
        self.file = file
        self.line = line
        self.message = message


def agent_file_error(error: BaseException, file: str) -> AgentFileError:
    """The error with the innermost line of the agent's own file."""
    lines = [frame.lineno or 0 for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return AgentFileError(type(error).__name__, file, str(error)[:500], line=lines[-1] if lines else 0)
