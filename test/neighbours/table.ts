// The outcome of a table of tests, printed when its file has run.
import { after, type TestContext } from 'node:test'

interface At {
  readonly row: string
  readonly column: string
}

type Run = (t: TestContext) => Promise<void>

/** A table that fills while the tests run. */
export interface Table {
  /** The body of the cell's test: runs it and writes down how it went. */
  cell(at: At, run: Run): Run
  /** A word in place of a test. */
  note(at: At, word: string): void
}

/** A table whose rows and columns come in the order of their tests. */
export function table(title: string): Table {
  const cells = new Map<string, Map<string, string>>()
  after(() => console.log(`\n${title}\n${drawn(cells)}`))
  const set = ({ row, column }: At, word: string) => {
    const line = cells.get(row) ?? new Map<string, string>()
    cells.set(row, line.set(column, word))
  }
  return {
    note: set,
    cell: (at, run) => {
      set(at, '…')
      return async (t) => {
        set(at, 'FAILED')
        await run(t)
        set(at, 'ok')
      }
    }
  }
}

function drawn(cells: ReadonlyMap<string, ReadonlyMap<string, string>>): string {
  const columns = [...new Set([...cells.values()].flatMap((line) => [...line.keys()]))]
  const rows = [...cells].map(([name, line]) => [name, ...columns.map((column) => line.get(column) ?? '')])
  const all = [['', ...columns], ...rows]
  const widths = all[0]?.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0))) ?? []
  return all.map((row) => row.map((text, at) => text.padEnd(widths[at] ?? 0)).join('  ')).join('\n')
}
