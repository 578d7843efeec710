import Layers
import Tensors

/// Copies of the parameters of a part of a model, as variables that a graph reads in place of the
/// model's own.
package final class TapedParameters {
  /// In the order in which they were given.
  package let linears: [TapedLinear]
  private let linearByName: [String: TapedLinear]
  private let tables: [(name: String, variable: Variable)]
  /// What a linear layer reads, [rows][inputs], before it is prepared; called whenever layers run.
  package var watch: ((_ layers: [Linear], _ input: Matrix) -> Void)?

  /// Copies the parameters of `linears` and `tables`.
  ///
  /// - Throws: `Failure` naming a layer whose weight is packed.
  package init(
    linears: [Linear], tables: [ParameterTable], options: TapedOptions = TapedOptions()
  ) throws {
    self.linears = try linears.map { try TapedLinear($0, options: options) }
    linearByName = Dictionary(uniqueKeysWithValues: self.linears.map { ($0.name, $0) })
    self.tables = tables.map { table in
      let (rows, columns) = (table.values.rows, table.values.columns)
      return (
        table.name,
        Variable(
          Matrix(rows: rows, columns: columns, values: table.values.values),
          wantsGradient: options.wantsGradient(table.name))
      )
    }
  }

  /// All of them under their names in the file.
  package var all: [(name: String, variable: Variable)] {
    tables + linears.flatMap(\.parameters)
  }

  /// The copy of the layer called `name`.
  package subscript(linear name: String) -> TapedLinear {
    guard let found = linearByName[name] else { preconditionFailure("\(name) was not copied") }
    return found
  }

  /// The copy of `table`.
  subscript(table: ParameterTable) -> Variable {
    guard let found = tables.first(where: { $0.name == table.name }) else {
      preconditionFailure("\(table.name) was not copied")
    }
    return found.variable
  }
}
