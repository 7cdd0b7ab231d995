// Several ranges of one file, and of one stored answer. PURE.
import type { Case } from './ask'
import { one } from './requests-words'

const LARGE_FILE = '/large.bin'
const APART = Array.from({ length: 17 }, (_, n) => `${n * 1000}-${n * 1000 + 9}`)

const RANGES: Readonly<Record<string, string>> = {
  'two ranges': '0-9,1000-1009',
  'two ranges, the later first': '1000-1009,0-9',
  'first and last byte': '0-0,-1',
  'a suffix, an open range': '-5,219000-219009',
  'a range to the end, then one before': '100000-,0-9',
  'large parts': '0-89999,100000-219999',
  'three ranges and spaces': '0-9 ,\t5000-5009 , 9000-9009',
  'empty members': ',0-9,,1000-1009,',
  'two ranges of which one is outside': '0-9,999999-',
  'three ranges of which one is outside': '0-9,999999-,1000-1009',
  'two ranges outside': '999999-,888888-',
  'twice the whole': '0-,0-',
  'more than the whole': '0-199999,100-199999',
  'halves that touch': '0-109999,110000-',
  'overlapping ranges': '0-99,50-149',
  'overlapping ranges, and one apart': '100000-100099,0-9,100050-100149',
  'near ranges': '0-9,40-49',
  'near ranges, and one apart': '0-9,100000-100009,40-49',
  '16 ranges': APART.slice(1).join(),
  '17 ranges': APART.join()
}

const ofFile: Case[] = Object.entries(RANGES).map(([name, ranges]) => ({
  name: `${name} of a file`,
  steps: [one('GET', LARGE_FILE, [`Range: bytes=${ranges}`])]
}))

const ofStored: Case[] = ['two ranges, the later first', 'first and last byte', 'large parts'].map((name) => {
  const target = `/cached/large-ranges?${name.replace(/\W+/g, '-')}`
  const range = `Range: bytes=${name === 'large parts' ? '0-9999,20000-99999' : RANGES[name]}`
  return { name: `stored, ${name}`, steps: [one('GET', target), one('GET', target, [range])] }
})

/** The cases. */
export const SEVERAL_RANGES: readonly Case[] = [
  ...ofFile,
  ...ofStored,
  {
    name: 'several ranges of what is not stored yet',
    steps: [one('GET', '/cached/large-ranges?miss', ['Range: bytes=0-9,1000-1009'])]
  },
  {
    name: 'If-Range and several ranges',
    steps: ['"a"', '"b"', 'W/"a"'].flatMap((tag) => [
      one('GET', '/cached/large-ranges?if'),
      one('GET', '/cached/large-ranges?if', ['Range: bytes=0-9,1000-1009', `If-Range: ${tag}`])
    ])
  }
]
