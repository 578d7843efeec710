import CSignals

/// Removes unfinished output when the process is ended early, which then dies of the same signal.
///
/// So does an allocation that fails, with one line instead of a signal and exit code 1.
///
/// For SIGINT (Ctrl-C), SIGTERM and SIGHUP, and for SIGPIPE too: it ends us quietly, as it ends
/// `cat`, but a tool that lists on stdout while it writes a file must not leave that file behind.
package enum Interrupt {
  /// Installs the handlers; called once, by the tool's `main`, before any thread starts.
  package static func install() { fpq_signals_install(Console.toolName) }

  /// Notes a file or a folder (before what is in it) to remove; hand the result to `forget` when it
  /// is complete or gone.
  package static func remember(_ path: String) -> Int32 { fpq_signals_remember(path) }

  package static func forget(_ slot: Int32) { fpq_signals_forget(slot) }
}
