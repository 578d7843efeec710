import Foundation
import Synchronization

/// The built tools, run as a shell runs them.
///
/// By posix_spawn, because Foundation's Process on Linux reports death by signal 15 as exit code
/// 15.
package enum Shell {
  package struct Result: Sendable {
    /// The exit code, or 128 + the signal that ended the process.
    package let status: Int32
    package let output: Data
    package let error: String

    package var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// The folder of the built tools: where the test bundle is.
  package static let tools: String = {
    let bundle = Bundle.main.bundleURL
    let candidates = [bundle, bundle.deletingLastPathComponent()].map(\.path)
    return candidates.first { FileManager.default.isExecutableFile(atPath: "\($0)/fpq-show") }
      ?? bundle.path
  }()

  /// Runs one of our tools, or a program by its absolute path, to its end.
  ///
  /// `input` comes through a pipe; without it stdin is empty. `environment` is added to ours.
  package static func run(
    _ tool: String, _ arguments: [String] = [], input: Data? = nil,
    environment: [String: String] = [:], folder: String? = nil
  ) throws -> Result {
    var command = [tool.hasPrefix("/") ? tool : "\(tools)/\(tool)"] + arguments
    if let folder { command = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", folder] + command }
    let (child, stdin, stdout, stderr) = try spawning.withLock { _ in
      let stdin = try input.map { _ in try Pipe() } ?? Pipe(reading: "/dev/null")
      let (stdout, stderr) = (try Pipe(), try Pipe())
      let child = try spawn(
        command,
        environment: ["PATH": "\(tools):/usr/local/bin:/usr/bin:/bin"].merging(environment) { $1 },
        descriptors: [stdin.reading, stdout.writing, stderr.writing])
      return (child, stdin, stdout, stderr)
    }
    [stdin.reading, stdout.writing, stderr.writing].forEach { close($0) }

    let ends = DispatchGroup()
    if let input { inBackground(ends) { feed(input, to: stdin.writing) } }
    // Both pipes are drained before waiting: a full one (64 KB) would stop the process for ever.
    nonisolated(unsafe) var message = Data()
    inBackground(ends) { message = drain(stderr.reading) }
    let data = drain(stdout.reading)
    ends.wait()
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 && errno == EINTR {}
    let signal = status & 0x7F
    return Result(
      status: signal == 0 ? status >> 8 & 0xFF : 128 + signal, output: data,
      error: String(decoding: message, as: UTF8.self))
  }

  /// Runs a command line, such as `fpq-show ls - < a | head`, by `/bin/sh` with our tools on its
  /// path.
  package static func script(
    _ command: String, in folder: String? = nil, input: Data? = nil,
    environment: [String: String] = [:]
  ) throws -> Result {
    try run("/bin/sh", ["-c", command], input: input, environment: environment, folder: folder)
  }

  /// Held from making pipes to the start of the process, so that no other child inherits their
  /// ends.
  private static let spawning = Mutex(())

  private struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws {
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0 else { throw POSIXError(.EMFILE) }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      (reading, writing) = (ends[0], ends[1])
    }

    init(reading path: String) {
      (reading, writing) = (open(path, O_RDONLY | O_CLOEXEC), -1)
    }
  }

  /// Starts a process with the signals as a shell leaves them: none blocked, none ignored.
  private static func spawn(
    _ command: [String], environment: [String: String], descriptors: [Int32]
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in descriptors.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let argv = command.map { strdup($0) } + [nil]
    let envp = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { (argv + envp).forEach { free($0) } }
    var child: pid_t = 0
    let code = posix_spawn(&child, command[0], &actions, &attributes, argv, envp)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ENOENT) }
    return child
  }

  private static func inBackground(_ group: DispatchGroup, _ work: @escaping @Sendable () -> Void) {
    group.enter()
    Thread.detachNewThread {
      work()
      group.leave()
    }
  }

  private static func drain(_ descriptor: Int32) -> Data {
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    return handle.readDataToEndOfFile()
  }

  /// Writes all of `input`; stops quietly when the reader has gone, which must not end the test
  /// run.
  private static func feed(_ input: Data, to descriptor: Int32) {
    var pipeSignal = sigset_t()
    sigemptyset(&pipeSignal)
    sigaddset(&pipeSignal, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipeSignal, nil)
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try? handle.write(contentsOf: input)
  }
}
