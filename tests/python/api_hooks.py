"""What schemathesis has to be told of this API beside its description; named by SCHEMATHESIS_HOOKS."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def part_of_an_upload(_, value):
    """A part of a resumable upload is bytes, whatever was generated."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def filter_case(_, case):
    """Avatars are stored in their bucket: an operator who removes it gets none, which is no defect of theirs."""
    bucket = (case.path_parameters or {}).get("bucket")
    return not (case.method.upper() == "DELETE" and bucket == "kinkster-avatars")
