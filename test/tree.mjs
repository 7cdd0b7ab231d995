// The tree of src/ for src/README.md: prints it, writes it there (--write), or fails when it is another one (--check).
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WIDTH = 110
const BLOCK = /(<!-- tree -->\n```text\n)[\s\S]*?(```\n<!-- \/tree -->)/

const src = join(dirname(fileURLToPath(import.meta.url)), '..', 'src')
const readme = join(src, 'README.md')
const tree = ['src/', ...folder(src, 1)].map((line) => `${line}\n`).join('')
const before = readFileSync(readme, 'utf8')
if (!BLOCK.test(before)) throw new Error('src/README.md has no place for the tree')
const after = before.replace(BLOCK, (_, start, end) => start + tree + end)

if (process.argv[2] === '--write') writeFileSync(readme, after)
else if (process.argv[2] !== '--check') process.stdout.write(tree)
else if (before !== after) {
  console.error(`src/README.md has another tree; node test/tree.mjs --write puts this one there:\n${tree}`)
  process.exit(1)
}

/** A folder's own files on one line (or as many as they need), then its folders, deeper. */
function folder(path, depth) {
  const entries = readdirSync(path, { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const lines = wrap(files.map((entry) => entry.name).sort(), '  '.repeat(depth))
  const deeper = folders
    .sort()
    .flatMap((name) => [`${'  '.repeat(depth)}${name}/`, ...folder(join(path, name), depth + 1)])
  return [...lines, ...deeper]
}

function wrap(words, indent) {
  const lines = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= WIDTH) lines.splice(-1, 1, `${last} ${word}`)
    else lines.push(indent + word)
  }
  return lines
}
