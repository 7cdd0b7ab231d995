// Makes a directory with its parents (mkdir -p). Node's own `recursive` goes round for ever where the parent is there and takes none, as in /proc.
import nodeFs from 'node:fs'
import { dirname } from 'node:path'

/** The part of node:fs that is used. */
export type DirectoryFs = Pick<typeof nodeFs, 'mkdir'>

const MODE = 0o700

/** What is there is fine, whatever it is: who uses it finds out. Rejects with node's errors. */
export async function makeDirectory(path: string, fs: DirectoryFs = nodeFs): Promise<void> {
  if ((await make(path, fs)) === 'made') return
  const parent = dirname(path)
  if (parent !== path) await makeDirectory(parent, fs)
  if ((await make(path, fs)) === 'made') return
  throw Object.assign(new Error(`ENOENT: no directory can be made at ${path}`), { code: 'ENOENT' })
}

function make(path: string, fs: DirectoryFs): Promise<'made' | 'no-parent'> {
  return new Promise((resolve, reject) => {
    fs.mkdir(path, MODE, (error) => {
      if (error === null || error.code === 'EEXIST') resolve('made')
      else if (error.code === 'ENOENT') resolve('no-parent')
      else reject(error)
    })
  })
}
