//! The commands described by themselves.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use super::Cli;

/// Columns of the help texts.
const WIDTH: usize = 100;

/// Every command with its help, as Markdown. `deploy/docs` holds exactly this text.
pub fn markdown() -> String {
    let mut command = Cli::command().term_width(WIDTH);
    command.build();
    let mut text = String::new();
    for command in command.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set()) {
        describe(command, &mut text);
    }
    text
}

fn describe(command: &Command, text: &mut String) {
    // What the variables hold here is nobody's business.
    let mut shown = command.clone().term_width(WIDTH).mut_args(|arg| arg.hide_env_values(true));
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = shown.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help" && !inner.is_hide_set()) {
        describe(inner, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_described_without_the_values_of_variables() {
        let text = markdown();
        for name in ["serve", "warm", "purge", "doctor"] {
            assert!(text.contains(&format!("## `tintype {name}`")), "{name}");
        }
        assert!(text.contains("[env: TINTYPE_CONFIG]"), "{text}");
    }
}
