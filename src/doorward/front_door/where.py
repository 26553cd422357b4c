"""What the log may say about an error that nobody expected."""

import traceback


def where(error: BaseException) -> dict[str, str | int]:
    """Type and place of an error, without its text: that may hold what a user sent."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return {
        "error": type(error).__name__,
        "file": last.filename.rpartition("/")[2] if last else "",
        "line": (last.lineno or 0) if last else 0,
    }
