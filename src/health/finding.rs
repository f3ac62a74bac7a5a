//! What an examination finds.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Ok,
    Warning,
    Fault,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub grade: Grade,
    /// What was looked at and how it is.
    pub text: String,
    /// What to do, where something is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn ok(text: impl Into<String>) -> Self {
        Self { grade: Grade::Ok, text: text.into(), remedy: None }
    }

    pub fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Warning, text: text.into(), remedy: Some(remedy.into()) }
    }

    pub fn fault(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Fault, text: text.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.grade {
            Grade::Ok => "ok     ",
            Grade::Warning => "warning",
            Grade::Fault => "fault  ",
        };
        write!(formatter, "{mark}  {}", self.text)?;
        match &self.remedy {
            Some(remedy) => write!(formatter, "\n         → {remedy}"),
            None => Ok(()),
        }
    }
}
