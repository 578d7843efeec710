/// The text that Beautiful Soup collects from the tags and texts that its parser finds.
struct HTMLTextBuilder {
  /// Elements without content, which close themselves.
  private static let empty: Set<String> = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "menuitem",
    "meta", "param", "source", "track", "wbr",
    // Of old versions of HTML.
    "basefont", "bgsound", "command", "frame", "image", "isindex", "nextid", "spacer",
  ]
  /// Elements whose white space stays as it is.
  private static let preformatted: Set<String> = ["pre", "textarea"]
  /// Elements whose text is not the document's.
  private static let apart: Set<String> = ["rp", "rt", "script", "style", "template"]

  private(set) var finished = String.UnicodeScalarView()
  /// The text since the last tag; nil: none, which is not the same as an empty one.
  private var run: [Unicode.Scalar]?
  /// Outermost first.
  private var openElements: [String] = []
  /// Elements without content whose end tags, if any, close nothing.
  private var alreadyClosed: [String] = []

  mutating func add(_ text: some Sequence<Unicode.Scalar>) {
    run = (run ?? []) + text
  }

  /// Text that is the document's wherever it stands.
  mutating func addSection(_ text: some Sequence<Unicode.Scalar>) {
    finished.append(contentsOf: collapsed(Array(text)))
  }

  mutating func open(_ name: String, isClosed: Bool) {
    endRun()
    openElements.append(name)
    if isClosed {
      closeElement(name)
    } else if HTMLTextBuilder.empty.contains(name) {
      closeElement(name)
      alreadyClosed.append(name)
    }
  }

  mutating func close(_ name: String) {
    if let place = alreadyClosed.firstIndex(of: name) {
      alreadyClosed.remove(at: place)
    } else {
      closeElement(name)
    }
  }

  /// Ends the text between two tags.
  mutating func endRun() {
    guard let run else { return }
    if !openElements.contains(where: HTMLTextBuilder.apart.contains) {
      finished.append(contentsOf: collapsed(run))
    }
    self.run = nil
  }

  /// Closes the innermost element of that name, and those in it.
  private mutating func closeElement(_ name: String) {
    endRun()
    if let place = openElements.lastIndex(of: name) {
      openElements.removeSubrange(place...)
    }
  }

  /// White space alone becomes one space or line break.
  private func collapsed(_ run: [Unicode.Scalar]) -> [Unicode.Scalar] {
    guard !openElements.contains(where: HTMLTextBuilder.preformatted.contains),
      run.allSatisfy(" \n\t\u{C}\r".unicodeScalars.contains)
    else { return run }
    return run.contains("\n") ? ["\n"] : [" "]
  }
}
