//! Where original bytes come from: folders, HTTP origins, object stores, and guarded fetches of strangers' URLs.
