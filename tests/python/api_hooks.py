"""What schemathesis has to be told of this API beside its description; named by SCHEMATHESIS_HOOKS."""

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def part_of_an_upload(_, value):
    """A part of a resumable upload is bytes, whatever was generated."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def before_call(_, case, _kwargs):
    """The bucket of the avatars stays as it is: an operator who removes or restricts it gets none painted."""
    parameters = case.path_parameters or {}
    if case.method.upper() in ("DELETE", "PUT") and parameters.get("bucket") == "kinkster-avatars":
        parameters["bucket"] = "somebody-elses"
