"""What schemathesis has to be told of this API beside its description; named by SCHEMATHESIS_HOOKS."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def part_of_an_upload(_, value):
    """A part of a resumable upload is bytes, whatever was generated."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
