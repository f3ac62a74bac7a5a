//! A bucket of a project, folder by folder.

use std::collections::HashSet;

use super::{UpstreamHoldings, failed};
use crate::catalog::Object;
use crate::object::{BucketName, ObjectId, ObjectKey};
use crate::project::{ProjectEntry, ProjectObject};
use crate::retention::RetentionError;
use crate::retention::holdings::Page;

/// A listing that is under way.
#[derive(Debug)]
pub(in crate::retention) struct Walk<'a> {
    upstream: &'a UpstreamHoldings,
    bucket: &'a BucketName,
    /// Not listed yet.
    folders: Vec<String>,
    /// What is being listed.
    open: Option<Open>,
    /// Entries that came.
    entries: u64,
}

#[derive(Debug)]
struct Open {
    folder: String,
    offset: usize,
    /// What is written meanwhile moves entries from one page to the next: none counts twice. That others are missed then
    /// does no harm, for every picture that is not seen lets another one stay.
    seen: HashSet<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(upstream: &'a UpstreamHoldings, bucket: &'a BucketName) -> Self {
        Self { upstream, bucket, folders: vec![String::new()], open: None, entries: 0 }
    }

    /// `None`: that was all. A page that cannot be had, or more entries than are allowed, is an error.
    pub(in crate::retention) async fn next(&mut self) -> Result<Option<Page>, RetentionError> {
        let Some(mut open) = self.open.take().or_else(|| self.folders.pop().map(Open::new)) else { return Ok(None) };
        let listed = self.upstream.project.list(self.bucket, &open.folder, open.offset).await;
        let what = || format!("the objects of `{}` cannot be listed", self.bucket);
        let (entries, has_more) = listed.map_err(|error| failed(what(), error))?;
        self.entries += entries.len() as u64;
        if self.entries > self.upstream.most_objects {
            return Err(RetentionError::TooMany { bucket: self.bucket.clone(), most: self.upstream.most_objects });
        }
        open.offset += entries.len();
        let mut page = Page::default();
        for entry in entries {
            self.take(&mut open, entry, &mut page);
        }
        self.open = has_more.then_some(open);
        Ok(Some(page))
    }

    fn take(&mut self, open: &mut Open, entry: ProjectEntry, page: &mut Page) {
        let (ProjectEntry::Folder(name) | ProjectEntry::Object(name, _)) = &entry;
        if !open.seen.insert(name.clone()) {
            return;
        }
        let path = if open.folder.is_empty() { name.clone() } else { format!("{}/{name}", open.folder) };
        // A name that we would not send back as it is, such as an empty one.
        let Some(key) = ObjectKey::parse(&path).ok().filter(|_| !name.contains('/')) else {
            page.others += 1;
            return;
        };
        match entry {
            ProjectEntry::Folder(_) => self.folders.push(path),
            ProjectEntry::Object(_, None) => page.others += 1,
            ProjectEntry::Object(_, Some(object)) => {
                page.objects.push(as_row(ObjectId::new(self.bucket.clone(), key), &object));
            }
        }
    }
}

impl Open {
    fn new(folder: String) -> Self {
        Self { folder, offset: 0, seen: HashSet::new() }
    }
}

/// What the catalogue would hold of it, as far as a listing tells.
pub(super) fn as_row(id: ObjectId, object: &ProjectObject) -> Object {
    Object {
        row: object.id,
        id,
        owner: None,
        version: object.version(),
        size: object.size,
        etag: object.etag.clone(),
        mime_type: String::new(),
        cache_control: String::new(),
        user_metadata: None,
        created_at: object.created_at,
        updated_at: object.updated_at,
        last_accessed_at: object.updated_at,
    }
}
