#ifndef CSIGNALS_H
#define CSIGNALS_H

// Removal of unfinished output files when the process ends early. In C, because a signal handler
// may call nothing but async-signal-safe functions, which rules out everything the Swift runtime
// might do (retain, lock, initialize a global).

/// Installs the handlers (SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGBUS) and the removal at exit, and
/// has an allocation that fails end the process with a line; `tool` begins the messages.
void fpq_signals_install(const char *tool);

/// Notes a file to remove; returns its slot, or -1 when none is free or the path is too long.
int fpq_signals_remember(const char *path);

/// The file in `slot` is complete, or was removed.
void fpq_signals_forget(int slot);

#endif
