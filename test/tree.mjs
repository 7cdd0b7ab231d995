// The tree of src/ for src/README.md: prints it, writes it there (--write), or fails when it is another one (--check).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WIDTH = 118
const NAME_WIDTH = 13
const BLOCK = /(<!-- tree -->\n```text\n)[\s\S]*?(```\n<!-- \/tree -->)/

const src = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')
const readme = join(src, 'README.md')
const tree = folder(src, 0)
  .map((line) => `${line}\n`)
  .join('')
const before = readFileSync(readme, 'utf8')
if (!BLOCK.test(before)) throw new Error('src/README.md has no place for the tree')
const after = before.replace(BLOCK, (_, start, end) => start + tree + end)

if (process.argv[2] === '--write') writeFileSync(readme, after)
else if (process.argv[2] !== '--check') process.stdout.write(tree)
else if (before !== after) {
  console.error(`src/README.md has another tree; node test/tree.mjs --write puts this one there:\n${tree}`)
  process.exit(1)
}

/** Each folder is a line, its files after its name, or as many lines as they need; folders in it follow, deeper. */
function folder(path, depth) {
  const entries = readdirSync(path, { withFileTypes: true })
  const indent = '  '.repeat(depth)
  const name = basename(path)
  const files = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => entry.name)
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(path, entry.name))
  const [first, ...more] = wrap(files.sort(), WIDTH - indent.length - NAME_WIDTH)
  const continued = ' '.repeat(indent.length + NAME_WIDTH)
  return [
    `${indent}${`${name}/`.padEnd(NAME_WIDTH)}${first ?? ''}`.trimEnd(),
    ...more.map((line) => continued + line),
    ...folders.sort().flatMap((each) => folder(each, depth + 1))
  ]
}

function wrap(words, width) {
  const lines = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines.splice(-1, 1, `${last} ${word}`)
    else lines.push(word)
  }
  return lines
}
