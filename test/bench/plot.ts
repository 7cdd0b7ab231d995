// PURE. Results as bars.
import type { Result } from './report'

const BAR = { pitch: 18, height: 14, width: 420, left: 190, gap: 34 }

const TITLE = '<title>What Sluice and others take, by scenario</title>'

/** A bar for each contestant, a group for each scenario, as SVG. */
export function plotOf(results: readonly Result[]): string {
  const lines: string[] = []
  let y = 10
  for (const { scenario, unit, subject, rows } of results) {
    y += BAR.gap
    lines.push(text(0, y - 10, `${scenario}: ${unit}, ${subject} = 1`, 'bold'))
    const most = Math.max(...rows.map(({ ratio }) => ratio))
    for (const { name, ratio } of rows) {
      const width = Math.max(1, (ratio / most) * BAR.width)
      const colour = name === subject ? '#0969da' : '#8c959f'
      const size = `width="${width.toFixed(1)}" height="${BAR.height}"`
      lines.push(text(0, y + 13, name, 'normal'))
      lines.push(`<rect x="${BAR.left}" y="${y}" ${size} fill="${colour}"/>`)
      lines.push(text(BAR.left + width + 6, y + 12, ratio.toFixed(2), 'normal'))
      y += BAR.pitch
    }
  }
  const size = `width="${BAR.left + BAR.width + 60}" height="${y + 10}"`
  const font = 'font-family="sans-serif" font-size="12"'
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>\n${TITLE}\n${lines.join('\n')}\n</svg>\n`
}

/** A grey that can be read on white and on black. */
function text(x: number, y: number, words: string, weight: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" font-weight="${weight}" fill="#6e7781">${words}</text>`
}
