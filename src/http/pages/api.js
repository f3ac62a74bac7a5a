// The API's description, browsable.
